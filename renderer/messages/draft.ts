// A message being written: from the form's text to what is published, and from a message that is there to a draft.
import type { MessageProperties, MessageRow } from '../../broker/contract/rows.ts';
import { fieldText, parseArguments } from '../ui/field-text.ts';
import { textOf, toBase64 } from './payload.ts';

export const textProperties = [
  ['correlationId', 'Correlation id'],
  ['replyTo', 'Reply to'],
  ['messageId', 'Message id'],
  ['expiration', 'Expiration (ms)'],
  ['type', 'Type'],
  ['appId', 'App id'],
  ['contentEncoding', 'Content encoding'],
] as const;

type TextProperty = (typeof textProperties)[number][0];

export interface Draft {
  payload: string;
  encoding: 'text' | 'base64';
  contentType: string;
  persistent: boolean;
  priority: string;
  headers: string;
  texts: Partial<Record<TextProperty, string>>;
}

export const emptyDraft = (): Draft => ({
  payload: '',
  encoding: 'text',
  contentType: '',
  persistent: true,
  priority: '',
  headers: '',
  texts: {},
});

/** What dead-lettering wrote into the headers is left out: the copy has not died. */
export function draftLike({ properties }: MessageRow, body: Uint8Array): Draft {
  const text = textOf(body);
  const headers = Object.fromEntries(
    Object.entries(properties.headers ?? {}).filter(([name]) => !/^x-(first-|last-)?death/.test(name)),
  );
  return {
    payload: text ?? toBase64(body),
    encoding: text === null ? 'base64' : 'text',
    contentType: properties.contentType ?? '',
    persistent: properties.deliveryMode === 2,
    priority: properties.priority === undefined ? '' : String(properties.priority),
    headers: Object.keys(headers).length > 0 ? fieldText(headers, 2) : '',
    texts: Object.fromEntries(
      textProperties.flatMap(([name]) => (properties[name] ? [[name, properties[name]]] : [])),
    ),
  };
}

/** Throws with a text for the user. */
export function bodyOf({ payload, encoding }: Draft): Uint8Array<ArrayBuffer> {
  if (encoding === 'text') return new TextEncoder().encode(payload);
  try {
    return Uint8Array.from(atob(payload.replace(/\s+/g, '')), (letter) => letter.charCodeAt(0));
  } catch (error) {
    throw new Error('The payload is not base64.', { cause: error });
  }
}

/** Throws with a text for the user. */
export function propertiesOf(draft: Draft): MessageProperties {
  const given: MessageProperties = { deliveryMode: draft.persistent ? 2 : 1 };
  if (draft.contentType !== '') given.contentType = draft.contentType;
  if (draft.priority !== '') given.priority = Number(draft.priority);
  for (const [name] of textProperties) {
    const text = draft.texts[name];
    if (text) given[name] = text;
  }
  const headers = parseArguments(draft.headers);
  if (Object.keys(headers).length > 0) given.headers = headers;
  return given;
}

/** What is odd about the payload, without being wrong. */
export function payloadRemark({ payload, encoding, contentType }: Draft): string | null {
  if (encoding !== 'text' || payload.trim() === '' || !contentType.includes('json')) return null;
  try {
    JSON.parse(payload);
    return null;
  } catch (error) {
    return `The content type says JSON, but this is none: ${(error as Error).message}`;
  }
}
