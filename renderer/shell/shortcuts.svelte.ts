// Which key means what. Single keys never fire in a field or on a control, and can be switched off (WCAG 2.1.4).
type Shortcut =
  | { kind: 'palette' }
  | { kind: 'filter' }
  | { kind: 'keys' }
  | { kind: 'pause' }
  | { kind: 'view'; index: number };

export const keySheet: { keys: string[]; meaning: string; single: boolean }[] = [
  { keys: ['Ctrl/Cmd', 'K'], meaning: 'Find a screen, an object or an action', single: false },
  { keys: ['Ctrl/Cmd', '1 … 9'], meaning: 'Go to a screen, in the order of the rail', single: false },
  { keys: ['/'], meaning: 'Filter the list in view', single: true },
  { keys: ['P'], meaning: 'Pause or go on with live updates', single: true },
  { keys: ['?'], meaning: 'This sheet', single: true },
  { keys: ['↑', '↓'], meaning: 'In a list of messages: the one before, the next', single: false },
  { keys: ['C'], meaning: 'On the canvas: bind from the selected exchange', single: true },
  { keys: ['Delete'], meaning: 'On the canvas: delete or unbind what is selected', single: false },
  { keys: ['Esc'], meaning: 'Close what is open', single: false },
];

const key = 'warren.single-keys';

class SingleKeys {
  on = $state(localStorage.getItem(key) !== 'off');

  set(on: boolean): void {
    this.on = on;
    localStorage.setItem(key, on ? 'on' : 'off');
  }
}

export const singleKeys = new SingleKeys();

/** True where a letter is text or a control's own. */
export function isTaken(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  return (
    event.altKey ||
    event.ctrlKey ||
    event.metaKey ||
    target.closest('input, textarea, select, button, dialog, [contenteditable]') !== null
  );
}

export function shortcutOf(event: KeyboardEvent, single: boolean): Shortcut | null {
  const { key } = event;
  if (event.ctrlKey || event.metaKey) {
    if (key.toLowerCase() === 'k') return { kind: 'palette' };
    if (/^[1-9]$/.test(key)) return { kind: 'view', index: Number(key) - 1 };
    return null;
  }
  if (!single || isTaken(event)) return null;
  if (key === '/') return { kind: 'filter' };
  if (key === '?') return { kind: 'keys' };
  if (key === 'p') return { kind: 'pause' };
  return null;
}
