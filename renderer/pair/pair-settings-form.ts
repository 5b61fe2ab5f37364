// The pair's settings as a form of texts: what each means, its unit, and what is wrong with what was typed.
import * as v from 'valibot';
import {
  pairSettingLimits,
  pairSettingsSchema,
  type PairNumber,
  type PairSettings,
} from '../../broker/contract/pair-settings.ts';

interface SettingWords {
  name: PairNumber;
  label: string;
  unit: 'ms' | 'min' | 'times';
  help: string;
}

export const settingGroups: readonly { title: string; settings: readonly SettingWords[] }[] = [
  {
    title: 'When a node has failed',
    settings: [
      {
        name: 'hungAfterMs',
        label: 'Hung after',
        unit: 'ms',
        help: 'It answers nothing: killed, the standby serves.',
      },
      {
        name: 'leaseMs',
        label: 'Lease',
        unit: 'ms',
        help: 'Without a word from its host it stops by itself.',
      },
      {
        name: 'diskStallMs',
        label: 'Disk stalls after',
        unit: 'ms',
        help: 'A file operation is not done: it fences itself.',
      },
      {
        name: 'slowSyncMs',
        label: 'A sync is slow from',
        unit: 'ms',
        help: 'Longer than a sync usually takes.',
      },
      {
        name: 'slowForMs',
        label: 'Slow disk after',
        unit: 'ms',
        help: 'Nothing but slow syncs for so long.',
      },
    ],
  },
  {
    title: 'How often that counts',
    settings: [
      {
        name: 'holdOffMs',
        label: 'Hold-off',
        unit: 'ms',
        help: 'After a failover for a disk; doubles each time.',
      },
      { name: 'failoversMax', label: 'At most', unit: 'times', help: 'Failovers for disks in the window.' },
      { name: 'failoverWindowMinutes', label: 'Window', unit: 'min', help: 'What is older is forgotten.' },
    ],
  },
  {
    title: 'Takeover and copy',
    settings: [
      {
        name: 'takeoverLimitMs',
        label: 'A takeover may take',
        unit: 'ms',
        help: 'A longer one is said to be.',
      },
      {
        name: 'standbyTimeoutMs',
        label: 'Copy given up after',
        unit: 'ms',
        help: 'It answers nothing: the active goes on alone.',
      },
    ],
  },
];

/** What is wrong with it; null when nothing is. */
export function settingProblem(name: PairNumber, text: string): string | null {
  const { least, most } = pairSettingLimits[name];
  const value = text.trim();
  if (!/^\d+$/.test(value)) return 'A whole number';
  if (Number(value) < least) return `At least ${least}`;
  return Number(value) > most ? `At most ${most}` : null;
}

/** The settings, or what is wrong with them together. */
export function settingsOf(
  texts: Record<PairNumber, string>,
  choices: Pick<PairSettings, 'slowDisk' | 'replication' | 'whenAlone'>,
): { settings: PairSettings; problem: null } | { settings: null; problem: string } {
  const numbers = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Number(text)]));
  const parsed = v.safeParse(pairSettingsSchema, { ...numbers, ...choices });
  if (parsed.success) return { settings: parsed.output, problem: null };
  return { settings: null, problem: togetherWords(parsed.issues[0].message) };
}

/** In the words of the form, where the contract speaks of its names. */
function togetherWords(message: string): string {
  if (message.startsWith('leaseMs'))
    return 'The lease has to be at least twice the time after which a node is hung.';
  if (message.startsWith('diskStallMs'))
    return 'A disk must be slow before it stalls: more than a slow sync.';
  return message;
}

export function textsOf(settings: PairSettings): Record<PairNumber, string> {
  const names = Object.keys(pairSettingLimits) as PairNumber[];
  return Object.fromEntries(names.map((name) => [name, String(settings[name])])) as Record<
    PairNumber,
    string
  >;
}
