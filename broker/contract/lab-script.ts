// The lab's scripts: one line per action, `+5s kill active`. Read by the host, which carries them out, and by the
// console, which says what is wrong while it is typed. Pure.

export const nodeTargets = ['active', 'standby', 'a', 'b'] as const;
export type NodeTargetName = (typeof nodeTargets)[number];

export type LabAction = { text: string; forMs: number | null } & (
  | { kind: 'node'; verb: 'kill' | 'pause' | 'resume' | 'stop' | 'start'; target: NodeTargetName }
  | { kind: 'switch-over' }
  | { kind: 'link'; state: 'plain' | 'cut' | 'frozen' }
  | { kind: 'link'; state: 'delayed' | 'throttled'; amount: number }
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
  { line: '+5s switch-over', meaning: 'a planned one, to the standby' },
  { line: '+5s cut clients for 2s', meaning: 'their connections are closed, new ones too' },
  { line: '+5s freeze clients for 2s', meaning: 'connections stay open, nothing comes through' },
  { line: '+5s delay clients 100ms for 5s', meaning: 'every byte comes later, each way' },
  { line: '+5s throttle clients 50kB/s for 5s', meaning: 'no faster, each way' },
];

const nodeVerbs = ['kill', 'pause', 'resume', 'stop', 'start'] as const;
/** What can be taken back by itself: with `for`. */
const lasting = new Set<string>(['pause', 'stop', 'cut', 'freeze', 'delay', 'throttle']);
const durationPattern = /^(\d+(?:\.\d+)?)(ms|s|min)$/i;
const ratePattern = /^(\d+(?:\.\d+)?)(b|kb|mb)\/s$/i;
const durationUnits = { ms: 1, s: 1000, min: 60_000 } as const;
const rateUnits = { b: 1, kb: 1000, mb: 1_000_000 } as const;

export class ScriptError extends Error {
  override name = 'ScriptError';
}

/** In order of time. Empty lines and what follows a `#` are left out. Throws ScriptError, which names the line. */
export function parseScript(script: string, limits: { seconds: number; actionsMax: number }): TimedAction[] {
  const actions: TimedAction[] = [];
  for (const [index, line] of script.split('\n').entries()) {
    const text = line.replace(/#.*/, '').trim();
    if (text === '') continue;
    const fail = (reason: string) => new ScriptError(`line ${index + 1}: ${reason}`);
    const [time = '', ...rest] = text.split(/\s+/);
    const atMs = time.startsWith('+') ? milliseconds(time.slice(1)) : null;
    if (atMs === null) throw fail(`begins with a time such as +5s, not with '${time}'`);
    if (atMs > limits.seconds * 1000)
      throw fail(`${time} is after the end of the load (${limits.seconds} s)`);
    try {
      actions.push({ atMs, action: parseWords(rest) });
    } catch (error) {
      throw error instanceof ScriptError ? fail(error.message) : error;
    }
  }
  if (actions.length > limits.actionsMax)
    throw new ScriptError(`${actions.length} actions are more than ${limits.actionsMax}`);
  return actions.sort((a, b) => a.atMs - b.atMs);
}

/** One action without its time. Throws ScriptError. */
export function parseAction(text: string): LabAction {
  return parseWords(text.trim().split(/\s+/));
}

function parseWords(given: string[]): LabAction {
  const words = [...given];
  const forMs = takeFor(words);
  const text = given.join(' ');
  const [verb = '', object = '', amount, ...more] = words;
  if (verb === '') throw new ScriptError('says nothing to do');
  if (forMs !== null && !lasting.has(verb)) throw new ScriptError(`'${verb}' has no 'for'`);
  if (more.length > 0) throw new ScriptError(`'${more.join(' ')}' is too much`);
  const bare = { text, forMs };
  const nodeVerb = nodeVerbs.find((each) => each === verb);
  if (nodeVerb) {
    const target = nodeTargets.find((each) => each === object);
    if (!target) throw new ScriptError(`${verb} whom? ${nodeTargets.join(', ')}`);
    if (amount !== undefined) throw new ScriptError(`'${amount}' is too much`);
    return { ...bare, kind: 'node', verb: nodeVerb, target };
  }
  if (verb === 'switch-over') {
    if (object !== '') throw new ScriptError(`'${object}' is too much`);
    return { ...bare, kind: 'switch-over' };
  }
  return { ...bare, ...linkAction(verb, object, amount) };
}

function linkAction(verb: string, object: string, amount: string | undefined) {
  if (!['cut', 'freeze', 'heal', 'delay', 'throttle'].includes(verb))
    throw new ScriptError(`'${verb}' is nothing the lab can do`);
  if (object !== 'clients') throw new ScriptError(`${verb} what? clients`);
  if (verb === 'delay' || verb === 'throttle') {
    const value = verb === 'delay' ? milliseconds(amount ?? '') : bytesPerSecond(amount ?? '');
    if (value === null || value < 1)
      throw new ScriptError(
        verb === 'delay' ? 'delay by how much? such as 100ms' : 'throttle to what? such as 50kB/s',
      );
    return { kind: 'link', state: verb === 'delay' ? 'delayed' : 'throttled', amount: value } as const;
  }
  if (amount !== undefined) throw new ScriptError(`'${amount}' is too much`);
  return { kind: 'link', state: verb === 'cut' ? 'cut' : verb === 'freeze' ? 'frozen' : 'plain' } as const;
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

function bytesPerSecond(text: string): number | null {
  const match = ratePattern.exec(text);
  if (!match) return null;
  return Math.round(Number(match[1]) * rateUnits[match[2]!.toLowerCase() as keyof typeof rateUnits]);
}
