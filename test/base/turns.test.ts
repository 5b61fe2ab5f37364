// Long work in slices: who runs when, under a clock of the test's own.
import { describe, expect, test } from 'vitest';
import { Turns, type LongWork } from '../../broker/base/turns.ts';
import { ManualTurns } from './manual-turns.ts';

function* counting(steps: number, step: () => void): LongWork {
  for (let i = 0; i < steps; i++) {
    step();
    yield;
  }
}

describe('long work', () => {
  test('a little is done at once, without a promise', () => {
    const clock = new ManualTurns();
    let done = 0;
    expect(new Turns(clock).run(counting(5, () => done++))).toBeUndefined();
    expect(done).toBe(5);
    expect(clock.pending).toBe(0);
  });

  test('more goes on in later turns, so many steps in each, until it settles', async () => {
    const clock = new ManualTurns();
    const turns = new Turns(clock, { stepsMax: 10 });
    const perTurn: number[] = [];
    let done = 0;
    const settled = turns.run(counting(34, () => done++));
    for (let before = 0; ; before = done, clock.turn()) {
      if (done > before) perTurn.push(done - before);
      if (clock.pending === 0) break;
    }
    expect(perTurn).toEqual([10, 10, 10, 4]);
    await settled;
  });

  test('a turn ends when its time is over, however few steps that were', () => {
    const clock = new ManualTurns();
    let done = 0;
    const slow = () => {
      done++;
      clock.milliseconds += 0.2;
    };
    void new Turns(clock, { turnMs: 0.3 }).run(counting(10, slow));
    expect(done).toBe(2);
    clock.turn();
    expect(done).toBe(4);
  });

  test('all that is under way shares the turn, step by step', () => {
    const clock = new ManualTurns();
    const turns = new Turns(clock, { stepsMax: 4 });
    const done: Record<string, number> = { long: 0, other: 0 };
    void turns.run(counting(100, () => done['long']!++));
    void turns.run(counting(100, () => done['other']!++));
    expect(done).toEqual({ long: 4, other: 4 });
    clock.turn();
    expect(done).toEqual({ long: 6, other: 6 });
  });

  test('what waits for something takes no turns meanwhile', async () => {
    const clock = new ManualTurns();
    const { promise, resolve } = Promise.withResolvers<void>();
    let ended = false;
    const settled = new Turns(clock).run(
      (function* (): LongWork {
        yield promise;
        ended = true;
      })(),
    );
    expect(clock.pending).toBe(0);
    resolve();
    await promise;
    await Promise.resolve();
    expect([ended, clock.pending]).toEqual([false, 1]);
    clock.turn();
    await settled;
    expect(ended).toBe(true);
  });

  test('an error is that of the work, and the others go on', async () => {
    const clock = new ManualTurns();
    const turns = new Turns(clock, { stepsMax: 2 });
    let done = 0;
    const failing = turns.run(
      counting(9, () => {
        if (++done === 4) throw new Error('a fault');
      }),
    );
    let other = 0;
    const fine = turns.run(counting(9, () => other++));
    while (clock.pending > 0) clock.turn();
    await expect(failing).rejects.toThrow('a fault');
    await fine;
    expect(other).toBe(9);
  });

  test('nothing goes on after the end, not even what waited for something', async () => {
    const clock = new ManualTurns();
    const turns = new Turns(clock, { stepsMax: 2 });
    const { promise, resolve } = Promise.withResolvers<void>();
    let done = 0;
    void turns.run(counting(9, () => done++));
    void turns.run(
      (function* (): LongWork {
        yield promise;
        done = 100;
      })(),
    );
    turns.stop();
    resolve();
    await promise;
    await Promise.resolve();
    while (clock.pending > 0) clock.turn();
    expect(done).toBe(2);
  });
});
