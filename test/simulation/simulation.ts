// One seed, one run: several lives on one disk, each ended by a clean stop, the death of its process or a power loss,
// and at last two quiet ones in which everything promised must be there. Every fifth seed has queues on its journal.
import { drawConditions, quiet, type Conditions, type Lie } from './conditions.ts';
import { SimulatedDisk } from './disk.ts';
import { EventLoop } from './event-loop.ts';
import { Expectations, type End } from './expectations.ts';
import { JournalLife } from './journal-life.ts';
import { PagingLife } from './paging-life.ts';
import { Random } from './random.ts';

export interface SimulationOptions {
  trace?: (line: string) => void;
  /** Calls that answer without having done anything: what a check must find. */
  lies?: readonly Lie[];
}

/** Throws a Violation, or whatever the code under simulation throws where it must not. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<void> {
  const random = new Random(seed);
  const conditions: Conditions = { ...drawConditions(random), lies: options.lies ?? [] };
  const loop = new EventLoop();
  const disk = new SimulatedDisk();
  const expectations = new Expectations(conditions.confirmMode);
  const { trace } = options;
  const stamped = trace
    ? (line: string) => trace(`${String(loop.count).padStart(5)} ${line}`)
    : () => undefined;
  const shared = { disk, loop, random, expectations, rotted: { yes: false, scratch: false }, trace: stamped };
  const Living = seed % 5 === 0 ? PagingLife : JournalLife;
  const live = async (under: Conditions, eventsMax: number) => {
    const life = new Living({ ...shared, conditions: under });
    const clean = (await life.run(eventsMax)) && life.state === 'closed';
    loop.clear();
    disk.capacityBytes = Infinity;
    const power = !under.lastLife && random.chance(conditions.powerLossShare);
    const ends: End[] = clean ? ['clean'] : power ? [] : ['process'];
    if (power) ends.push('power');
    for (const end of ends) expectations.ended(end);
    stamped(`---- end: ${ends.join(', then ')}`);
    if (power) disk.losePower(random);
  };
  stamped(JSON.stringify(conditions));
  for (let left = conditions.lives; left > 0; left--)
    await live(conditions, random.between(1, conditions.eventsMax));
  await live(quiet(conditions, { close: 1 }), Infinity);
  await live(quiet(conditions, { close: 1 }), Infinity);
}
