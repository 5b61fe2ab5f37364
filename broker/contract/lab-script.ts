// The lab's scripts: one line per action, `+5s kill active`. Read by the host, which carries them out, and by the
// console, which says what is wrong while it is typed. Pure.
import type { NodeFault } from './node-faults.ts';

export const nodeTargets = ['active', 'standby', 'a', 'b'] as const;
export type NodeTargetName = (typeof nodeTargets)[number];

export type LabAction = { text: string; forMs: number | null } & (
  | { kind: 'node'; verb: NodeVerb; target: NodeTargetName }
  | { kind: 'pair'; verb: PairVerb }
  | { kind: 'link'; state: 'plain' | 'cut' | 'frozen' }
  | { kind: 'link'; state: 'delayed' | 'throttled'; amount: number }
  /** An entry of the fault library, all its steps. */
  | { kind: 'library'; id: string }
  /** Null takes away all that is on. */
  | { kind: 'fault'; fault: NodeFault | null; target: NodeTargetName }
);

export interface TimedAction {
  /** From the load's start. */
  atMs: number;
  action: LabAction;
}

/** What a script is made of, for people. */
export const scriptHelp: readonly { line: string; meaning: string }[] = [
  { line: '+5s kill active', meaning: 'SIGKILL; also standby, a, b' },
  { line: '+5s pause active for 4s', meaning: 'SIGSTOP, and SIGCONT after 4 s' },
  { line: '+5s stop standby for 3s', meaning: 'an ordered stop, and a start after 3 s' },
  { line: '+5s switch-over', meaning: 'a planned one, to the standby; also failback' },
  { line: '+5s drain', meaning: 'stranded messages go to the node that serves' },
  { line: '+5s cut clients for 2s', meaning: 'their connections are closed, new ones too' },
  { line: '+5s freeze clients for 2s', meaning: 'connections stay open, nothing comes through' },
  { line: '+5s delay clients 100ms for 5s', meaning: 'every byte comes later, each way; also peer' },
  { line: '+5s throttle clients 50kB/s for 5s', meaning: 'no faster, each way; also peer' },
  { line: '+5s cut peer for 3s', meaning: 'the link between the nodes, and nobody is told' },
  { line: '+5s disk-stall active for 4s', meaning: 'every file operation hangs, the heart beats on' },
  { line: '+5s disk-full active for 3s', meaning: 'no room; also disk-error' },
  { line: '+5s slow-sync active 200ms for 5s', meaning: 'each sync takes so much longer' },
  { line: '+5s clock-jump active 1h for 5s', meaning: 'its wall clock; -1h sets it back' },
  { line: '+5s memory-alarm active for 3s', meaning: 'publishers are held back' },
  { line: '+5s corrupt standby', meaning: 'bits turned over in the copy, or in a node that is down' },
  { line: '+5s tear standby', meaning: 'half a commit at the end of its journal' },
  { line: '+3s library zombie-leader', meaning: 'an entry of the fault library, all its steps' },
  { line: '+5s mend active', meaning: 'takes away all that is on' },
];

const nodeVerbs = ['kill', 'pause', 'resume', 'stop', 'start'] as const;
type NodeVerb = (typeof nodeVerbs)[number];
const pairVerbs = ['switch-over', 'failback', 'drain'] as const;
type PairVerb = (typeof pairVerbs)[number];
const linkVerbs = ['cut', 'freeze', 'heal', 'delay', 'throttle'] as const;
type LinkVerb = (typeof linkVerbs)[number];
/** A fault of a node by its name, and the amount it may want. */
const faultVerbs: Record<string, (amount: string | undefined) => NodeFault | null> = {
  'disk-stall': () => ({ kind: 'disk-stall' }),
  'disk-full': () => ({ kind: 'disk-full' }),
  'disk-error': () => ({ kind: 'disk-error' }),
  'memory-alarm': () => ({ kind: 'memory' }),
  'slow-sync': (amount) => ({ kind: 'slow-sync', delayMs: delayOf(amount, 'slow-sync by') }),
  'clock-jump': (amount) => ({ kind: 'clock-jump', byMs: jumpOf(amount) }),
  corrupt: () => ({ kind: 'corrupt-last-segment', bytes: 16 }),
  tear: () => ({ kind: 'torn-tail' }),
  mend: () => null,
};
const withAmount = new Set(['slow-sync', 'clock-jump']);
const lastingFaults = ['disk-stall', 'disk-full', 'disk-error', 'memory-alarm', 'slow-sync', 'clock-jump'];
/** What can be taken back by itself: with `for`. */
const lasting = new Set<string>(['pause', 'stop', 'cut', 'freeze', 'delay', 'throttle', ...lastingFaults]);
const durationPattern = /^(\d+(?:\.\d+)?)(ms|s|min|h)$/i;
const ratePattern = /^(\d+(?:\.\d+)?)(b|kb|mb)\/s$/i;
const durationUnits = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 } as const;
const rateUnits = { b: 1, kb: 1000, mb: 1_000_000 } as const;
const actionsMax = 100;
const delayMaxMs = 60_000;
const jumpMaxMs = 24 * durationUnits.h;

export class ScriptError extends Error {
  override name = 'ScriptError';
}

/** In order of time; `seconds` is how long the load lasts. Empty lines and what follows a `#` are left out. Throws ScriptError, which names the line. */
export function parseScript(script: string, seconds: number): TimedAction[] {
  const actions: TimedAction[] = [];
  for (const [index, line] of script.split('\n').entries()) {
    const text = line.replace(/#.*/, '').trim();
    if (text === '') continue;
    const fail = (reason: string) => new ScriptError(`line ${index + 1}: ${reason}`);
    const [time = '', ...rest] = text.split(/\s+/);
    const atMs = time.startsWith('+') ? milliseconds(time.slice(1)) : null;
    if (atMs === null) throw fail(`begins with a time such as +5s, not with '${time}'`);
    if (atMs > seconds * 1000) throw fail(`${time} is after the end of the load (${seconds} s)`);
    try {
      actions.push({ atMs, action: parseWords(rest) });
    } catch (error) {
      throw error instanceof ScriptError ? fail(error.message) : error;
    }
  }
  if (actions.length > actionsMax)
    throw new ScriptError(`${actions.length} actions are more than ${actionsMax}`);
  return actions.sort((a, b) => a.atMs - b.atMs);
}

/** One action without its time. Throws ScriptError. */
export function parseAction(text: string): LabAction {
  return parseWords(text.trim().split(/\s+/));
}

function parseWords(given: string[]): LabAction {
  const words = [...given];
  const forMs = takeFor(words);
  const [verb = '', object, amount, ...more] = words;
  if (verb === '') throw new ScriptError('says nothing to do');
  if (forMs !== null && !lasting.has(verb)) throw new ScriptError(`'${verb}' has no 'for'`);
  if (more.length > 0) throw new ScriptError(`'${more.join(' ')}' is too much`);
  return { text: given.join(' '), forMs, ...actionOf(verb, object, amount) };
}

function actionOf(verb: string, object: string | undefined, amount: string | undefined) {
  const pairVerb = pairVerbs.find((each) => each === verb);
  if (pairVerb) {
    noMore(object);
    return { kind: 'pair', verb: pairVerb } as const;
  }
  if (verb === 'library') {
    noMore(amount);
    if (!/^[a-z0-9-]{1,60}$/.test(object ?? '')) throw new ScriptError('library what? the name of an entry');
    return { kind: 'library', id: object! } as const;
  }
  const linkVerb = linkVerbs.find((each) => each === verb);
  if (linkVerb)
    return object === 'peer' ? peerAction(linkVerb, amount) : linkAction(linkVerb, object, amount);
  const nodeVerb = nodeVerbs.find((each) => each === verb);
  const fault = Object.hasOwn(faultVerbs, verb) ? faultVerbs[verb] : undefined;
  if (!nodeVerb && !fault) throw new ScriptError(`'${verb}' is nothing the lab can do`);
  const target = nodeTargets.find((each) => each === object);
  if (!target) throw new ScriptError(`${verb} whom? ${nodeTargets.join(', ')}`);
  if (!withAmount.has(verb)) noMore(amount);
  if (nodeVerb) return { kind: 'node', verb: nodeVerb, target } as const;
  return { kind: 'fault', fault: fault!(amount), target } as const;
}

function noMore(word: string | undefined): void {
  if (word !== undefined) throw new ScriptError(`'${word}' is too much`);
}

function linkAction(verb: LinkVerb, object: string | undefined, amount: string | undefined) {
  if (object !== 'clients') throw new ScriptError(`${verb} what? clients, peer`);
  if (verb === 'delay')
    return { kind: 'link', state: 'delayed', amount: delayOf(amount, 'delay by') } as const;
  if (verb === 'throttle')
    return { kind: 'link', state: 'throttled', amount: bytesPerSecond(amount) } as const;
  noMore(amount);
  return { kind: 'link', state: verb === 'cut' ? 'cut' : verb === 'freeze' ? 'frozen' : 'plain' } as const;
}

/** The link between the nodes is a fault of one of them: of the standby, which is there in every state that matters. */
function peerAction(verb: LinkVerb, amount: string | undefined) {
  const of = (fault: NodeFault | null) => ({ kind: 'fault', fault, target: 'standby' }) as const;
  if (verb === 'delay')
    return of({ kind: 'peer-link', state: 'delayed', delayMs: delayOf(amount, 'delay by') });
  if (verb === 'throttle')
    return of({ kind: 'peer-link', state: 'throttled', bytesPerSecond: bytesPerSecond(amount) });
  noMore(amount);
  return of(verb === 'heal' ? null : { kind: 'peer-link', state: 'cut' });
}

/** Takes `for 3s` off the end. */
function takeFor(words: string[]): number | null {
  const place = words.indexOf('for');
  if (place < 0) return null;
  const [, duration = '', ...more] = words.splice(place);
  const forMs = milliseconds(duration);
  if (forMs === null || more.length > 0)
    throw new ScriptError(`'for' wants a time such as 3s, not '${[duration, ...more].join(' ')}'`);
  return forMs;
}

function milliseconds(text: string): number | null {
  const match = durationPattern.exec(text);
  if (!match) return null;
  return Math.round(Number(match[1]) * durationUnits[match[2]!.toLowerCase() as keyof typeof durationUnits]);
}

function delayOf(text: string | undefined, what: string): number {
  const value = milliseconds(text ?? '');
  if (value === null || value < 1 || value > delayMaxMs)
    throw new ScriptError(`${what} how much? such as 100ms, at most 60s`);
  return value;
}

function jumpOf(text: string | undefined): number {
  const [, sign, amount] = /^([+-]?)(.*)$/.exec(text ?? '')!;
  const value = milliseconds(amount!);
  if (value === null || value < 1 || value > jumpMaxMs)
    throw new ScriptError('clock-jump by how much? such as 1h or -10min, at most 24h');
  return sign === '-' ? -value : value;
}

function bytesPerSecond(text: string | undefined): number {
  const match = ratePattern.exec(text ?? '');
  const value = match
    ? Math.round(Number(match[1]) * rateUnits[match[2]!.toLowerCase() as keyof typeof rateUnits])
    : 0;
  if (value < 1 || value > 1_000_000_000) throw new ScriptError('throttle to what? such as 50kB/s');
  return value;
}
