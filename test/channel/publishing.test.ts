// What is announced takes no memory before it comes, however small its frames are (R24).
import { describe, expect, test } from 'vitest';
import { Publishing } from '../../broker/channel/publishing.ts';

const megabyte = 1 << 20;

function announced(bodySize: number): Publishing {
  const publishing = new Publishing(128 * megabyte);
  const method = Buffer.from([0, 0, 0, 1, 113, 0]);
  publishing.method(Buffer.concat([Buffer.alloc(4), method]), 4, 10);
  const header = Buffer.alloc(14);
  header.writeUInt16BE(60, 0);
  header.writeUInt32BE(bodySize, 8);
  publishing.header(header, 0, header.length);
  return publishing;
}

describe('R24: a body on its way', () => {
  test('a large announcement reserves little', () => {
    expect(announced(100 * megabyte).bytes.length).toBeLessThan(megabyte);
  });

  test('room grows with what came, also in frames of one byte', () => {
    const publishing = announced(100 * megabyte);
    const byte = Buffer.of(7);
    for (let i = 0; i < megabyte; i++) publishing.body(byte, 0, 1);
    expect(publishing.bytes.length).toBeLessThanOrEqual(2 * megabyte + 2);
  });

  test('the whole body is there in the end, and is handed over', () => {
    const publishing = announced(3 * megabyte);
    const part = Buffer.alloc(100_000, 'warren');
    let sent = 0;
    for (let complete = false; !complete; sent += part.length) {
      const size = Math.min(part.length, 3 * megabyte - sent);
      complete = publishing.body(part, 0, size);
    }
    const bytes = publishing.take();
    expect(bytes.length).toBe(2 + 3 * megabyte);
    for (let at = 0; at < 3 * megabyte; at += part.length) {
      const size = Math.min(part.length, 3 * megabyte - at);
      expect(bytes.subarray(2 + at, 2 + at + size).equals(part.subarray(0, size))).toBe(true);
    }
    expect(publishing.bytes.length).toBe(0);
  });
});
