// Runtime parameters of a virtual host, by component and name: where RabbitMQ's plugins keep their settings. The
// limits of the virtual host itself are one of them, as in RabbitMQ.
import type { FieldValue } from '../contract/rows.ts';

export interface Parameter {
  component: string;
  name: string;
  value: FieldValue;
}

export const limitsParameter = { component: 'vhost-limits', name: 'limits' } as const;
export const vhostLimitNames = ['max-connections', 'max-queues'] as const;
export type VhostLimitName = (typeof vhostLimitNames)[number];

export class ParameterSet {
  readonly #parameters = new Map<string, Parameter>();

  get all(): Parameter[] {
    return [...this.#parameters.values()];
  }

  get(component: string, name: string): Parameter | undefined {
    return this.#parameters.get(keyOf(component, name));
  }

  put(parameter: Parameter): void {
    this.#parameters.set(keyOf(parameter.component, parameter.name), parameter);
  }

  remove(component: string, name: string): boolean {
    return this.#parameters.delete(keyOf(component, name));
  }

  /** Of the virtual host; Infinity where there is none, which a negative number means too. */
  limit(name: VhostLimitName): number {
    return limitIn(this.limits, name);
  }

  /** As they were set. */
  get limits(): Record<string, number> {
    const value = this.get(limitsParameter.component, limitsParameter.name)?.value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
    return Object.fromEntries(
      Object.entries(value).filter((each): each is [string, number] => typeof each[1] === 'number'),
    );
  }
}

/** One of several limits, of a virtual host or a user; Infinity where there is none. */
export function limitIn(limits: Readonly<Record<string, number>>, name: string): number {
  const limit = limits[name];
  return limit === undefined || limit < 0 ? Infinity : limit;
}

function keyOf(component: string, name: string): string {
  return JSON.stringify([component, name]);
}
