// The verdict in one sentence, as plain as it is.
import type { LabSettings, LabVerdict } from '../../contract/lab.ts';

const grouped = new Intl.NumberFormat('en');

/** What was promised to the messages of a run, and whether it was kept. */
export function promiseOf(
  settings: Pick<LabSettings, 'persistent' | 'confirms'>,
  lost: number,
): LabVerdict['promise'] {
  if (!settings.persistent || !settings.confirms) return 'none';
  return lost === 0 ? 'kept' : 'broken';
}

export function headlineOf(
  settings: Pick<LabSettings, 'persistent' | 'confirms'>,
  verdict: Omit<LabVerdict, 'headline' | 'promise'>,
  faults: number,
): string {
  return `${messagesPart(settings, verdict)}${heldPart(verdict)}; ${outagePart(verdict, faults)}.`;
}

function messagesPart(
  { persistent, confirms }: Pick<LabSettings, 'persistent' | 'confirms'>,
  { lost, confirmed, unseen, published }: Omit<LabVerdict, 'headline' | 'promise'>,
): string {
  if (!confirms)
    return `${grouped.format(unseen)} of ${grouped.format(published)} messages never seen again; without confirms none was promised`;
  const kind = persistent ? 'confirmed' : 'confirmed transient';
  const part = `${grouped.format(lost)} of ${grouped.format(confirmed)} ${kind} messages lost`;
  return persistent || lost === 0 ? part : `${part}: they do not survive the node that holds them`;
}

function heldPart({ held, heldBy }: Omit<LabVerdict, 'headline' | 'promise'>): string {
  if (held === 0) return '';
  const where = heldBy.map(({ node }) => `node ${node}`).join(' and ');
  return `, ${grouped.format(held)} of them still held${where === '' ? '' : ` by ${where}`}`;
}

function outagePart(
  { producersMs, consumersMs }: Omit<LabVerdict, 'headline' | 'promise'>,
  faults: number,
): string {
  if (faults === 0) {
    const silence = Math.max(producersMs ?? 0, consumersMs ?? 0);
    return `no fault, the longest silence ${grouped.format(Math.round(silence))} ms`;
  }
  const side = (ms: number | null, who: string) =>
    ms === null ? `not back for ${who} while the load ran` : `${grouped.format(Math.round(ms))} ms (${who})`;
  return `unavailable for ${side(producersMs, 'producers')}, ${side(consumersMs, 'consumers')}`;
}
