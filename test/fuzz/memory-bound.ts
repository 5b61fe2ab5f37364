// Whether a node's memory grew: both figures were taken with every attacker gone and garbage collected.
import type { Memory } from '../process/node-process.ts';

/** The heap and buffers in use are exact; what the process keeps of the machine's is not. */
const inUseGrowthMax = 8 << 20;
const rssGrowthMax = 64 << 20;

/** Null when it did not, else by how much. */
export function growth([first, last]: [Memory, Memory]): string | null {
  const inUse = last.heapUsed + last.external - first.heapUsed - first.external;
  const rss = last.rss - first.rss;
  if (inUse <= inUseGrowthMax && rss <= rssGrowthMax) return null;
  return `in use +${megabytes(inUse)} MiB, RSS +${megabytes(rss)} MiB`;
}

export function megabytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
