// What is announced takes no memory before it comes, however small its frames are (R24).
import { describe, expect, test } from 'vitest';
import { Publishing, type BodySource } from '../../broker/channel/publishing.ts';

const megabyte = 1 << 20;

/** A node that has all the room in the world, or none yet. */
class Source implements BodySource {
  bodyFrames = 0;
  taken = 0;
  given: (() => void) | null = null;
  readonly #hasRoom: boolean;

  constructor(hasRoom: boolean) {
    this.#hasRoom = hasRoom;
  }

  takeRoom(bytes: number, given: () => void): boolean {
    this.taken += bytes;
    if (!this.#hasRoom) this.given = given;
    return this.#hasRoom;
  }

  giveRoomBack(bytes: number): void {
    this.taken -= bytes;
  }
}

function announced(bodySize: number, source = new Source(true)): Publishing {
  const publishing = new Publishing(128 * megabyte, source);
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

  test('room is asked for once more has come than every channel has, and for all that was announced', () => {
    const source = new Source(true);
    const publishing = announced(100 * megabyte, source);
    const part = Buffer.alloc(64 * 1024);
    publishing.body(part, 0, part.length);
    publishing.body(part, 0, part.length);
    expect(source.taken).toBe(0);
    publishing.body(part, 0, 1);
    expect(source.taken).toBe(100 * megabyte + 2);
    publishing.reset();
    expect(source.taken).toBe(0);
  });

  test('without room what came is kept and no more; with it the rest follows', () => {
    const source = new Source(false);
    const publishing = announced(megabyte, source);
    const whole = Buffer.from(Array.from({ length: megabyte }, (_, index) => index % 251));
    const piece = 100_000;
    publishing.body(whole, 0, piece);
    publishing.body(whole, piece, 2 * piece);
    expect(publishing.bytes.length).toBe(2 + 2 * piece);
    source.given!();
    expect(publishing.body(whole, 2 * piece, megabyte)).toBe(true);
    expect(publishing.take().subarray(2).equals(whole)).toBe(true);
    publishing.giveRoomBack();
    expect(source.taken).toBe(0);
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
