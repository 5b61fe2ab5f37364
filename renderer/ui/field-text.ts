// Arguments and headers as text: JSON, where bytes are shown as {"$bytes": "base64"} and read back the same.
import type { Arguments, FieldValue } from '../../broker/contract/rows.ts';

export function fieldText(value: FieldValue | object, indent = 0): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => (item instanceof Uint8Array ? { $bytes: toBase64(item) } : item),
    indent,
  );
}

/** Throws with a text for the user. */
export function parseArguments(text: string): Arguments {
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text, (_key, item: unknown) =>
      isBytes(item) ? Uint8Array.from(atob(item.$bytes), (c) => c.charCodeAt(0)) : item,
    );
  } catch (error) {
    throw new Error(`This is not JSON: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw new Error('Write a JSON object, such as {"x-max-length": 1000}.');
  return value as Arguments;
}

function isBytes(value: unknown): value is { $bytes: string } {
  return (
    typeof value === 'object' && value !== null && typeof (value as { $bytes?: unknown }).$bytes === 'string'
  );
}

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
