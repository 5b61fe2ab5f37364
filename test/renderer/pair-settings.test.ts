// The pair's settings as a form: limits, units, and what does not go together (R33f).
import { describe, expect, test } from 'vitest';
import {
  defaultPairSettings,
  pairSettingLimits,
  type PairNumber,
} from '../../broker/contract/pair-settings.ts';
import {
  settingGroups,
  settingProblem,
  settingsOf,
  textsOf,
} from '../../renderer/pair/pair-settings-form.ts';

const { slowDisk, replication, whenAlone } = defaultPairSettings;
const choices = { slowDisk, replication, whenAlone };
const texts = (changed: Partial<Record<PairNumber, string>> = {}) => ({
  ...textsOf(defaultPairSettings),
  ...changed,
});

describe('R33f: the pair’s settings', () => {
  test('every number has its place in the form, and the defaults are right', () => {
    const names = settingGroups.flatMap(({ settings }) => settings.map(({ name }) => name));
    expect(names.sort()).toEqual(Object.keys(pairSettingLimits).sort());
    expect(settingsOf(texts(), choices)).toEqual({ settings: defaultPairSettings, problem: null });
    for (const name of names) expect(settingProblem(name, texts()[name])).toBe(null);
  });

  test.each([
    ['', 'A whole number'],
    ['1.5', 'A whole number'],
    ['-5', 'A whole number'],
    ['fast', 'A whole number'],
    ['499', 'At least 500'],
    ['60001', 'At most 60000'],
    [' 500 ', null],
  ])('hung after %s: %s', (text, problem) => {
    expect(settingProblem('hungAfterMs', text)).toBe(problem);
  });

  test('what does not go together is said in the form’s words', () => {
    expect(settingsOf(texts({ leaseMs: '2500' }), choices).problem).toMatch(
      /^The lease has to be at least twice/,
    );
    expect(settingsOf(texts({ diskStallMs: '500' }), choices).problem).toMatch(/^A disk must be slow before/);
  });
});
