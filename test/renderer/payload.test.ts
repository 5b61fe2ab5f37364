// Payloads and drafts: shown without changing a byte of what is there.
import { describe, expect, test } from 'vitest';
import type { MessageRow } from '../../broker/contract/rows.ts';
import { bodyOf, draftLike, emptyDraft, payloadRemark, propertiesOf } from '../../renderer/messages/draft.ts';
import { prettyTokens, textOfTokens } from '../../renderer/messages/json-text.ts';
import { guessView, hexDump, messageJson, preview, shown } from '../../renderer/messages/payload.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('JSON set out', () => {
  const pretty = (text: string) => textOfTokens(prettyTokens(text)!);

  test('changes no value: digits, doubles and order stay', () => {
    const text = '{"b":12345678901234567890,"a":1.10,"a":"x, y: {z}","e":1E5}';
    expect(pretty(text)).toBe(
      '{\n  "b": 12345678901234567890,\n  "a": 1.10,\n  "a": "x, y: {z}",\n  "e": 1E5\n}',
    );
    expect(pretty(text).replace(/\n\s*/g, '').replace(/": /g, '":')).toBe(text);
  });

  test('empty ones stay on a line, and what is no JSON is none', () => {
    expect(pretty('[ { } , [] ]')).toBe('[\n  {},\n  []\n]');
    expect(prettyTokens('{"a":')).toBeNull();
  });

  test('keys and values are told apart', () => {
    const kinds = prettyTokens('{"a":"b","c":[1,true]}')!.filter(
      ({ kind }) => kind !== 'mark' && kind !== 'space',
    );
    expect(kinds.map(({ kind }) => kind)).toEqual(['key', 'string', 'key', 'number', 'word']);
  });
});

describe('payloads', () => {
  test('are shown as JSON, text or hex, by what is in them', () => {
    expect(guessView(bytes('{"a":1}'), undefined, true)).toBe('json');
    expect(guessView(bytes('{"a":'), 'application/json', true)).toBe('text');
    expect(guessView(bytes('Hello'), 'text/plain', true)).toBe('text');
    expect(guessView(new Uint8Array([0xff, 0xfe]), undefined, true)).toBe('hex');
  });

  test('the beginning of a long text is text, also where a letter was cut', () => {
    expect(guessView(bytes('Zoë').subarray(0, 3), undefined, false)).toBe('text');
  });

  test('hex has an offset, two halves and what is printable', () => {
    expect(hexDump(bytes('0123456789abcdef!\n'))).toBe(
      [
        '00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef',
        '00000010  21 0a                                             !·',
      ].join('\n'),
    );
  });

  test('a preview is one line of text, or the first bytes', () => {
    expect(preview(bytes('a\n  b'))).toBe('a b');
    expect(preview(new Uint8Array([0xff, 0x00]))).toBe('ff 00');
  });

  test('base64 can be read back', () => {
    const body = new Uint8Array([0, 1, 254, 255]);
    expect(bodyOf({ ...emptyDraft(), encoding: 'base64', payload: shown(body, 'base64') })).toEqual(body);
  });
});

describe('drafts', () => {
  const message: MessageRow = {
    position: 7,
    index: 0,
    state: 'ready',
    exchange: 'orders',
    routingKey: 'eu',
    redelivered: false,
    deliveryCount: 0,
    enqueuedAt: 0,
    expiresAt: null,
    persistent: true,
    survivesRestart: true,
    survivesReason: '',
    properties: {
      contentType: 'application/json',
      deliveryMode: 2,
      priority: 3,
      messageId: 'm-1',
      headers: { tenant: 'acme', raw: new Uint8Array([1, 2]), 'x-death': [], 'x-first-death-queue': 'q' },
    },
    bodyBytes: 7,
    bodyStart: bytes('{"a":1}'),
    bodyTruncated: false,
    heldBy: null,
  };

  test('a copy has what the message had, bytes in headers included, without its deaths', () => {
    const draft = draftLike(message, message.bodyStart);
    expect(propertiesOf(draft)).toEqual({
      contentType: 'application/json',
      deliveryMode: 2,
      priority: 3,
      messageId: 'm-1',
      headers: { tenant: 'acme', raw: new Uint8Array([1, 2]) },
    });
    expect(bodyOf(draft)).toEqual(message.bodyStart);
  });

  test('a binary body stays as it is, in base64', () => {
    const body = new Uint8Array([0xff, 0x00, 0x80]);
    const draft = draftLike(message, body);
    expect(draft.encoding).toBe('base64');
    expect(bodyOf(draft)).toEqual(body);
    expect(messageJson(message, body)).toContain('"encoding": "base64"');
  });

  test('faults are said in words, oddities remarked on', () => {
    expect(() => propertiesOf({ ...emptyDraft(), headers: '{' })).toThrow(/not JSON/);
    expect(() => bodyOf({ ...emptyDraft(), encoding: 'base64', payload: '%%%' })).toThrow(/not base64/);
    const json = { ...emptyDraft(), contentType: 'application/json', payload: '{' };
    expect(payloadRemark(json)).toMatch(/says JSON/);
    expect(payloadRemark({ ...json, payload: '{}' })).toBeNull();
  });
});
