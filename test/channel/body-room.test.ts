// Room for large bodies against all who want it at once: never more than there is, in order, and everybody gets through
// (R13, R24).
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChannelError } from '../../broker/amqp/reply-codes.ts';
import { BodyRoom, type BodyHolder } from '../../broker/channel/body-room.ts';
import type { Journal } from '../../broker/journal/journal.ts';
import { ManualTurns } from '../base/manual-turns.ts';

const bytesMax = 100;

class Holder implements BodyHolder {
  bodyFrames = 0;
  listening = true;
  waits = false;
  readonly bodies: number[] = [];
  readonly #wanted: number[] = [];

  ask(room: BodyRoom, bytes: number): void {
    if (this.waits) return;
    if (room.take(this, bytes)) this.bodies.push(bytes);
    else {
      this.waits = true;
      this.#wanted.push(bytes);
    }
  }

  roomGiven(): void {
    expect(this.waits).toBe(true);
    this.waits = false;
    this.bodies.push(this.#wanted.shift()!);
  }

  roomOverdue(): void {
    expect.fail('nobody is idle');
  }
}

/** Only what the room asks of a log. */
function newLog() {
  const listeners: (() => void)[] = [];
  const log = { pendingBytes: 0, onWritten: (listener: () => void) => listeners.push(listener) };
  const setPending = (bytes: number) => {
    log.pendingBytes = bytes;
    for (const listener of listeners) listener();
  };
  return { log: log as unknown as Journal, setPending };
}

const steps = fc.array(
  fc.record({
    who: fc.nat({ max: 5 }),
    what: fc.constantFrom('ask', 'ask', 'finish', 'pending', 'leave'),
    bytes: fc.integer({ min: 1, max: 120 }),
  }),
  { maxLength: 200 },
);

describe('R24: room for large bodies', () => {
  test('whatever is asked, finished and left: the bound holds, and in the end nobody waits', () => {
    fc.assert(
      fc.property(steps, (life) => {
        const { log, setPending } = newLog();
        const room = new BodyRoom({ bytesMax, idleMsMax: 1000, clock: new ManualTurns(), logs: [log] });
        const holders = Array.from({ length: 6 }, () => new Holder());
        const taken = () => holders.flatMap(({ bodies }) => bodies);
        for (const { who, what, bytes } of life) {
          const holder = holders[who]!;
          if (what === 'ask')
            try {
              holder.ask(room, bytes);
            } catch (error) {
              expect(error).toBeInstanceOf(ChannelError);
              expect(holder.bodies.length).toBeGreaterThan(0);
            }
          else if (what === 'finish' && holder.bodies.length > 0)
            room.giveBack(holder, holder.bodies.shift()!);
          else if (what === 'pending') setPending(bytes);
          else if (what === 'leave') {
            holders[who] = new Holder();
            room.withdraw(holder);
            for (const each of holder.bodies.splice(0)) room.giveBack(holder, each);
          }
          const all = taken();
          const sum = all.reduce((total, each) => total + each, 0);
          expect(sum <= bytesMax || all.length === 1).toBe(true);
          if (sum === 0) expect(holders.some(({ waits }) => waits)).toBe(false);
        }
        setPending(0);
        for (const holder of holders) expect(holder.waits && holder.bodies.length > 0).toBe(false);
        while (taken().length > 0)
          for (const holder of holders)
            for (const bytes of holder.bodies.splice(0)) room.giveBack(holder, bytes);
        expect(holders.every(({ waits }) => !waits)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
