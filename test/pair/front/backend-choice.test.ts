// Which backend a relay front uses, row by row: rise, fall, no flapping, failback (R17, R33c, R33e).
import { describe, expect, test } from 'vitest';
import { BackendChoice, type ChoiceRules } from '../../../broker/pair/front/backend-choice.ts';

const rules: ChoiceRules = { rise: 2, fall: 3, failback: 'manual', failbackAfterMs: 1000 };

/** `a+` a passed check of the first backend, `b-` a failed one of the second; one every 100 ms from 0. */
function run(checks: string, over: Partial<ChoiceRules> = {}) {
  const choice = new BackendChoice(2, { ...rules, ...over });
  const actives: string[] = [];
  const words = checks.split(' ').filter((word) => word !== '');
  for (const [turn, word] of words.entries()) {
    if (word.startsWith('use')) choice.use(word === 'use-a' ? 0 : 1);
    else choice.checked(word[0] === 'a' ? 0 : 1, word[1] === '+', turn * 100);
    actives.push(choice.active === null ? '-' : 'ab'[choice.active]!);
  }
  return { choice, last: actives.at(-1), actives: actives.join('') };
}

describe('choosing a backend', () => {
  const rows: [what: string, checks: string, actives: string][] = [
    ['the first check of all is believed', 'a+', 'a'],
    ['an earlier one that was not asked yet is waited for', 'b+ a+', '-a'],
    ['the first being down, the second serves', 'a- b+', '-b'],
    ['failed checks fewer than `fall` change nothing', 'a+ b+ a- a- a+ a- a-', 'aaaaaaa'],
    ['`fall` of them in a row move the clients', 'a+ b+ a- a- a-', 'aaaab'],
    ['with nobody else up there is none', 'a+ b- a- a- a-', 'aaaa-'],
    ['one that is down needs `rise` checks', 'a+ b- a- a- a- b+ b+', 'aaaa--b'],
    ['a check that fails in between begins anew', 'a+ b- a- a- a- b+ b- b+ b+', 'aaaa----b'],
    ['who comes back does not get its clients back', 'a+ b+ a- a- a- a+ a+ a+ a+', 'aaaabbbbb'],
    ['until the other one fails in turn', 'a+ b+ a- a- a- a+ a+ b- b- b-', 'aaaabbbbba'],
    ['somebody may move them', 'a+ b+ use-b a+ b+', 'aabbb'],
    ['not to one that is down', 'a+ b- use-b', 'aaa'],
  ];
  test.each(rows)('%s', (_what, checks, actives) => {
    expect(run(checks).actives).toBe(actives);
  });

  test('automatic failback wants a while without a failed check', () => {
    const automatic = { failback: 'automatic' } as const;
    const failed = 'a+ b+ a- a- a- ';
    expect(run(failed + 'a+ '.repeat(10), automatic).last).toBe('b');
    expect(run(failed + 'a+ '.repeat(11), automatic).last).toBe('a');
    // One failed check, which does not bring it down, and the while begins anew.
    expect(run(`${failed}${'a+ '.repeat(9)}a- ${'a+ '.repeat(10)}`, automatic).last).toBe('b');
    expect(run(`${failed}${'a+ '.repeat(9)}a- ${'a+ '.repeat(11)}`, automatic).last).toBe('a');
  });

  test('what somebody chose is not failed back from', () => {
    expect(run(`a+ b+ use-b ${'a+ '.repeat(20)}`, { failback: 'automatic' }).last).toBe('b');
  });

  test('a link that comes and goes moves nobody twice', () => {
    const flapping = 'a- a+ a- a- a+ '.repeat(20);
    expect(new Set(run(`a+ b+ ${flapping}`).actives)).toEqual(new Set(['a']));
    const { actives } = run(`a+ b+ a- a- a- ${'a+ a+ a- a- a- '.repeat(10)}`);
    expect(actives.replaceAll(/(.)\1+/g, '$1')).toBe('ab');
  });
});
