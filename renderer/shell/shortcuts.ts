// Which key means what. Single keys never fire in a field or on a control (WCAG 2.1.4).
type Shortcut =
  | { kind: 'palette' }
  | { kind: 'filter' }
  | { kind: 'keys' }
  | { kind: 'pause' }
  | { kind: 'view'; index: number };

export const keySheet: [string, string][] = [
  ['Ctrl/Cmd K', 'Find a screen, an object or an action'],
  ['Ctrl/Cmd 1 … 9', 'Go to a screen'],
  ['/', 'Filter the list in view'],
  ['P', 'Pause or go on with live updates'],
  ['?', 'This sheet'],
  ['Esc', 'Close what is open'],
];

export function shortcutOf(event: KeyboardEvent): Shortcut | null {
  const { key } = event;
  if (event.ctrlKey || event.metaKey) {
    if (key.toLowerCase() === 'k') return { kind: 'palette' };
    if (/^[1-9]$/.test(key)) return { kind: 'view', index: Number(key) - 1 };
    return null;
  }
  const target = event.target as HTMLElement;
  if (event.altKey || target.closest('input, textarea, select, button, dialog, [contenteditable]'))
    return null;
  if (key === '/') return { kind: 'filter' };
  if (key === '?') return { kind: 'keys' };
  if (key === 'p') return { kind: 'pause' };
  return null;
}
