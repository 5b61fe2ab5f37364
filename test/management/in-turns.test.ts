// Lists of very many rows, a few at a time: the same list as in one go.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Turns } from '../../broker/base/turns.ts';
import { jsonInTurns } from '../../broker/management/http/list-answer.ts';
import { mappedInTurns, sortedInTurns } from '../../broker/management/in-turns.ts';
import { pagedInTurns } from '../../broker/management/list.ts';
import { ManualTurns } from '../base/manual-turns.ts';

/** Turns until the promise settles. */
async function through<Answer>(clock: ManualTurns, promise: Promise<Answer>): Promise<Answer> {
  let settled = false;
  const end = promise.finally(() => (settled = true));
  end.catch(() => undefined);
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve));
    if (settled) return end;
    clock.turn();
  }
}

describe('very many rows', () => {
  test('are made a few in each turn, in their order', async () => {
    const clock = new ManualTurns();
    const items = Array.from({ length: 10_000 }, (_, index) => index);
    let made = 0;
    const rows = mappedInTurns(new Turns(clock), items, (item) => {
      made++;
      return item * 2;
    });
    const perTurn: number[] = [made];
    for (let before = made; clock.pending > 0; before = made) {
      clock.turn();
      perTurn.push(made - before);
    }
    expect(await rows).toEqual(items.map((item) => item * 2));
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(32 * 8);
  });

  test('what one of them throws is thrown, in the first turn and in later ones', async () => {
    for (const faulty of [3, 5000]) {
      const clock = new ManualTurns();
      const items = Array.from({ length: 10_000 }, (_, index) => index);
      const rows = mappedInTurns(new Turns(clock), items, (item) => {
        if (item === faulty) throw new Error(`the fault of ${item}`);
      });
      await expect(through(clock, rows)).rejects.toThrow(`the fault of ${faulty}`);
    }
  });

  test('are sorted as in one go, equal ones in their order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(20), { maxLength: 1000 }), async (values) => {
        const clock = new ManualTurns();
        const items = values.map((value, index) => ({ value, index }));
        const order = (a: { value: number }, b: { value: number }) => a.value - b.value;
        const sorted = await through(clock, sortedInTurns(new Turns(clock), items, order));
        expect(sorted).toEqual(items.toSorted(order));
      }),
      { numRuns: 50 },
    );
  });

  test('are filtered, sorted and paged', async () => {
    const clock = new ManualTurns();
    const sources = Array.from({ length: 3000 }, (_, index) => index);
    const page = await through(
      clock,
      pagedInTurns(
        new Turns(clock),
        sources,
        (index) => ({ name: `row ${index}`, rest: index % 10 }),
        { filter: '9', sort: 'rest', descending: true, page: 2, pageSize: 3 },
        (row) => row.name,
      ),
    );
    const matching = sources.filter((index) => String(index).includes('9'));
    expect(page).toMatchObject({ totalCount: 3000, filteredCount: matching.length, page: 2, pageSize: 3 });
    expect(page.items.map(({ name }) => name)).toEqual(['row 39', 'row 49', 'row 59']);
  });

  test.for([
    { what: 'none', answer: [] },
    { what: 'a list', answer: [{ a: 1, 'ä"': null }, { b: [2, 'ü'] }] },
    { what: 'a page', answer: { filtered_count: 2, items: [{ a: 1 }, { a: 'ß' }], page: 1, total_count: 2 } },
    { what: 'an empty page', answer: { items: [], page: 1 } },
  ])('are written as JSON: $what', async ({ answer }) => {
    const clock = new ManualTurns();
    const text = Buffer.from(await jsonInTurns(new Turns(clock), answer)).toString();
    expect(text).toBe(JSON.stringify(answer));
  });
});
