// What the host says an action would do, for the dialog that asks before it.
import type { PairActionName } from '../../broker/contract/pair-rows.ts';
import { connection } from '../rpc/connection.svelte.ts';
import { pointsOf } from './preflight-words.ts';

/** Never fails: without an answer the dialog asks all the same. */
export async function foretold(action: PairActionName, nodeId: 'a' | 'b' | null = null): Promise<string[]> {
  try {
    return pointsOf(await connection.callHost('pair.preflight', { action, nodeId }));
  } catch {
    return [];
  }
}
