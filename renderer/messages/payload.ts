// Payloads for the eye: text where the bytes are UTF-8, JSON set out, otherwise hex. Always as text, never as HTML.
import type { MessageRow } from '../../broker/contract/rows.ts';
import { fieldText } from '../ui/field-text.ts';
import { prettyTokens, textOfTokens } from './json-text.ts';

export const payloadViews = ['json', 'text', 'hex', 'base64'] as const;
export type PayloadView = (typeof payloadViews)[number];

/** Of a payload, at most this much is put on screen; the rest is for a file. */
export const shownBytesMax: Record<PayloadView, number> = {
  json: 1 << 20,
  text: 1 << 20,
  hex: 128 << 10,
  base64: 512 << 10,
};

export function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Text of the beginning of something longer: a cut may go through a letter, of four bytes at most. */
function textOfStart(bytes: Uint8Array): string | null {
  for (let cut = 0; cut < 4 && cut < bytes.length; cut++) {
    const text = textOf(bytes.subarray(0, bytes.length - cut));
    if (text !== null) return text;
  }
  return null;
}

/** What to show at first. `whole` is false for the beginning of something longer. */
export function guessView(bytes: Uint8Array, contentType: string | undefined, whole: boolean): PayloadView {
  const text = whole ? textOf(bytes) : textOfStart(bytes);
  if (text === null) return 'hex';
  if (!whole || !(contentType?.includes('json') || /^\s*[[{]/.test(text))) return 'text';
  return prettyTokens(text) === null ? 'text' : 'json';
}

export function shown(bytes: Uint8Array, view: PayloadView): string {
  const part = bytes.subarray(0, shownBytesMax[view]);
  switch (view) {
    case 'json': {
      const text = new TextDecoder().decode(part);
      const tokens = prettyTokens(text);
      return tokens === null ? text : textOfTokens(tokens);
    }
    case 'text':
      return new TextDecoder().decode(part);
    case 'base64':
      return toBase64(part);
    case 'hex':
      return hexDump(part);
  }
}

/** One line of what is in it, for a list. */
export function preview(bytes: Uint8Array, lengthMax = 200): string {
  const start = bytes.subarray(0, lengthMax * 2);
  const text = textOfStart(start);
  if (text !== null) return text.replace(/\s+/g, ' ').trim().slice(0, lengthMax);
  return [...start.subarray(0, 32)].map(hexOf).join(' ');
}

/** A message as JSON, for the clipboard. */
export function messageJson(message: MessageRow, body: Uint8Array): string {
  const { exchange, routingKey, redelivered, properties } = message;
  const text = textOf(body);
  const payload = text === null ? { payload: toBase64(body), encoding: 'base64' } : { payload: text };
  return fieldText({ exchange, routingKey, redelivered, properties, ...payload }, 2);
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
    const [left, right] = [part.slice(0, 8), part.slice(8)].map((half) => half.map(hexOf).join(' '));
    const text = part.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·')).join('');
    lines.push(`${offset.toString(16).padStart(8, '0')}  ${left!.padEnd(23)}  ${right!.padEnd(23)}  ${text}`);
  }
  return lines.join('\n');
}

const hexOf = (byte: number) => byte.toString(16).padStart(2, '0');
