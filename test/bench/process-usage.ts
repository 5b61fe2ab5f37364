// What processes used, from the system's own books: CPU time with all threads, memory now and at its peak.
// Linux only; elsewhere there are no figures.
import { readdirSync, readFileSync } from 'node:fs';

/** Of /proc/PID/stat: Linux shows it to user space in hundredths of a second on every architecture. */
const tickMs = 10;

export const hasProcessUsage = process.platform === 'linux';

/** The processes and all that descend from them. */
export function processTree(roots: number[]): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : null;
    if (!stat) continue;
    const parent = Number(stat[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = [];
  const queue = [...roots];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    found.push(pid);
    queue.push(...(children.get(pid) ?? []));
  }
  return found;
}

/** User and system time of them together. A process that is gone counts as 0. */
export function cpuMs(pids: number[]): number {
  return pids.reduce((sum, pid) => {
    const stat = statOf(pid);
    return sum + (stat ? (Number(stat[11]) + Number(stat[12])) * tickMs : 0);
  }, 0);
}

/** User and system time of the process's first thread, which in Node runs the event loop. */
export function firstThreadMs(pid: number): number {
  const fields = fieldsOf(`/proc/${pid}/task/${pid}/stat`);
  return fields ? (Number(fields[11]) + Number(fields[12])) * tickMs : 0;
}

/** Time that all cores together were busy, or kept from this machine by its host. */
export function machineBusyMs(): number {
  const [user, nice, system, , , irq, softIrq, steal] = (read('/proc/stat') ?? '')
    .split('\n', 1)[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user! + nice! + system! + irq! + softIrq! + steal!) * tickMs;
}

/** Resident memory together, in bytes. */
export function memoryBytes(pids: number[], field: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  return pids.reduce((sum, pid) => {
    const status = read(`/proc/${pid}/status`);
    const line = status && new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status);
    return sum + (line ? Number(line[1]) * 1024 : 0);
  }, 0);
}

/** Whether it still has its ports and files: one that has ended but was not waited for has none. */
export function isAlive(pid: number): boolean {
  const stat = statOf(pid);
  return stat !== null && stat[0] !== 'Z' && stat[0] !== 'X';
}

/** The fields behind the command's name, which may hold blanks: state first. */
function statOf(pid: number): string[] | null {
  return fieldsOf(`/proc/${pid}/stat`);
}

function fieldsOf(file: string): string[] | null {
  const text = read(file);
  return text === null ? null : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
