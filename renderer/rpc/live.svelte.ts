// Queries that stay current while the component that asked is on screen. `input` is read reactively: when it
// changes the query is asked anew, and what was there stays shown until the answer comes. Intervals are milliseconds.
import type { ContractErrorCode } from '../../broker/contract/errors.ts';
import type { HostProcedureName, HostProcedures } from '../../broker/contract/host-procedures.ts';
import type { NodeProcedureName, NodeProcedures } from '../../broker/contract/node-procedures.ts';
import type { InputOf, OutputOf } from '../../broker/contract/procedure.ts';
import type { NodeTarget, Result } from '../../broker/contract/rpc.ts';
import { connection, type Loose } from './connection.svelte.ts';

export interface Live<Value> {
  readonly value: Value | undefined;
  readonly error: string | null;
  readonly errorCode: ContractErrorCode | null;
  /** Asks again at once, after a command of one's own. */
  refresh(): void;
}

class LiveValue<Value> implements Live<Value> {
  value = $state.raw<Value>();
  error = $state<string | null>(null);
  errorCode = $state<ContractErrorCode | null>(null);
  generation = $state(0);

  take(result: Result<unknown>): void {
    if (result.ok) {
      this.value = result.value as Value;
      this.error = null;
      this.errorCode = null;
    } else {
      this.error = result.error.message;
      this.errorCode = result.error.code;
    }
  }

  refresh(): void {
    this.generation++;
  }
}

export function liveHost<Name extends HostProcedureName>(
  name: Name,
  input: () => Loose<InputOf<HostProcedures[Name]>>,
  interval: number | (() => number) = 1000,
): Live<OutputOf<HostProcedures[Name]>> {
  const live = new LiveValue<OutputOf<HostProcedures[Name]>>();
  $effect(() => {
    void live.generation;
    const intervalMs = typeof interval === 'number' ? interval : interval();
    const request = { scope: 'host', target: 'active', name, input: input(), intervalMs } as const;
    return connection.watch(request, (result) => live.take(result));
  });
  return live;
}

export function liveNode<Name extends NodeProcedureName>(
  name: Name,
  input: () => Loose<InputOf<NodeProcedures[Name]>>,
  interval: number | (() => number) = 1000,
  target: () => NodeTarget = () => 'active',
): Live<OutputOf<NodeProcedures[Name]>> {
  const live = new LiveValue<OutputOf<NodeProcedures[Name]>>();
  $effect(() => {
    void live.generation;
    const intervalMs = typeof interval === 'number' ? interval : interval();
    const request = { scope: 'node', target: target(), name, input: input(), intervalMs } as const;
    return connection.watch(request, (result) => live.take(result));
  });
  return live;
}
