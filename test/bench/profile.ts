// Which functions a profiled node spent its time in.
import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

const shown = 25;

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

/** Lines: where the profiles of these processes are, and their functions by own time. */
export function summarizeProfile(folder: string, pids: number[]): string[] {
  const lines: string[] = [];
  for (const file of globSync(`${folder}/**/*.cpuprofile`)) {
    const pid = Number(basename(file).split('.')[3]);
    if (!pids.includes(pid)) continue;
    lines.push(`profile of the node: ${file}`);
    lines.push(...hottest(JSON.parse(readFileSync(file, 'utf8')) as CpuProfile));
  }
  return lines;
}

function hottest({ nodes, samples, timeDeltas }: CpuProfile): string[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const own = new Map<string, number>();
  let busy = 0;
  for (const [index, id] of samples.entries()) {
    const { functionName, url, lineNumber } = frames.get(id)!;
    if (functionName === '(idle)') continue;
    const place = url === '' ? '' : ` ${basename(url)}:${lineNumber + 1}`;
    const name = `${functionName || '(anonymous)'}${place}`;
    const delta = timeDeltas[index] ?? 0;
    busy += delta;
    own.set(name, (own.get(name) ?? 0) + delta);
  }
  return [...own]
    .sort(([, a], [, b]) => b - a)
    .slice(0, shown)
    .map(([name, us]) => `  ${((us / busy) * 100).toFixed(1).padStart(5)} %  ${name}`);
}
