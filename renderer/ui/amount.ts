// Amounts as people write them: `90 s`, `1.5 h`, `10k`, `64 MiB`; without a unit as the protocol counts.
const units = {
  ms: { '': 1, ms: 1, s: 1000, sec: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 },
  bytes: {
    '': 1,
    b: 1,
    k: 1024,
    kb: 1000,
    kib: 1024,
    m: 1024 ** 2,
    mb: 1e6,
    mib: 1024 ** 2,
    g: 1024 ** 3,
    gb: 1e9,
    gib: 1024 ** 3,
  },
  count: { '': 1, k: 1000, m: 1e6 },
} as const;

const examples = { ms: '60000, 90 s, 1 h', bytes: '1048576, 64 MiB', count: '10000, 10k' };

/** Throws with a text for the user. */
export function parseAmount(kind: keyof typeof units, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim().replace(/[,_](?=\d{3})/g, ''));
  const factor = match && (units[kind] as Record<string, number>)[match[2]!.toLowerCase()];
  if (!factor) throw new Error(`“${text}” is no amount: write it as ${examples[kind]}.`);
  return Math.round(Number(match[1]) * factor);
}
