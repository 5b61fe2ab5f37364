// Payloads for the eye: text where the bytes are UTF-8, JSON set out, otherwise hex. Always as text, never as HTML.
export type PayloadView = 'json' | 'text' | 'hex' | 'base64';

export function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** What to show at first. */
export function guessView(bytes: Uint8Array, contentType: string | undefined): PayloadView {
  const text = textOf(bytes);
  if (text === null) return 'hex';
  if (contentType?.includes('json') || /^\s*[[{]/.test(text))
    try {
      JSON.parse(text);
      return 'json';
    } catch {
      return 'text';
    }
  return 'text';
}

export function shown(bytes: Uint8Array, view: PayloadView): string {
  switch (view) {
    case 'json':
      return formatJson(textOf(bytes) ?? '');
    case 'text':
      return new TextDecoder().decode(bytes);
    case 'base64':
      return toBase64(bytes);
    case 'hex':
      return hexDump(bytes);
  }
}

function formatJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

/** Offset, sixteen bytes, and what of them is printable ASCII. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let offset = 0; offset < bytes.length; offset += 16) {
    const part = [...bytes.subarray(offset, offset + 16)];
    const hex = part.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = part.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${offset.toString(16).padStart(8, '0')}  ${hex.padEnd(47)}  ${text}`);
  }
  return lines.join('\n');
}
