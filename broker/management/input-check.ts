// What any input must be before a schema looks at it: not so deep that looking would burst the stack, and without
// the keys that a schema would drop in silence because objects of this language have them.
import { nestingMax } from '../amqp/field-table.ts';
import { ContractError } from '../contract/errors.ts';

const refusedKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
/** A path says where; all of a long one says no more. */
const pathShownMax = 200;

interface Step {
  value: unknown;
  depth: number;
  key: string;
  parent: Step | null;
}

/** Throws ContractError naming the first place that cannot be. */
export function checkInput(input: unknown): void {
  const pending: Step[] = [{ value: input, depth: 0, key: '', parent: null }];
  for (let step = pending.pop(); step; step = pending.pop()) {
    const { value, depth } = step;
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) continue;
    if (depth > nestingMax)
      throw new ContractError('invalid', `${pathOf(step)}: nested deeper than ${nestingMax}`);
    for (const key of Object.keys(value)) {
      const below = { value: (value as Record<string, unknown>)[key], depth: depth + 1, key, parent: step };
      if (refusedKeys.has(key))
        throw new ContractError('invalid', `${pathOf(below)}: this name is not allowed`);
      pending.push(below);
    }
  }
}

function pathOf(step: Step): string {
  const keys: string[] = [];
  for (let each: Step | null = step; each?.parent; each = each.parent) keys.unshift(each.key);
  const path = keys.join('.');
  return path.length <= pathShownMax ? path : `${path.slice(0, pathShownMax)}...`;
}
