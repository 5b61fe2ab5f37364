// What Linux tells of a process.
import { readFileSync } from 'node:fs';

/** The state letter: R running, S sleeping, T stopped, Z zombie; null when there is none. */
export function processState(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  } catch {
    return null;
  }
}

/** A killed child lingers as a zombie until its parent has looked. */
export function isRunning(pid: number): boolean {
  const state = processState(pid);
  return state !== null && state !== 'Z' && state !== 'X';
}
