// From what is filled in to what is declared.
import type { Arguments, FieldValue } from '../../broker/contract/rows.ts';
import { parseAmount } from '../ui/amount.ts';
import { parseArguments } from '../ui/field-text.ts';
import { queueArguments, type QueueArgument } from './queue-arguments.ts';

export type Filled = Record<string, string | boolean>;

/** Throws with a text for the user, naming the field. */
export function declaredArguments(type: string, filled: Filled, json: string): Arguments {
  const args: Arguments = type === 'classic' ? {} : { 'x-queue-type': type };
  for (const argument of queueArguments) {
    const value = valueOf(argument, filled[argument.name]);
    if (value !== undefined) args[argument.name] = value;
  }
  return { ...args, ...parseArguments(json) };
}

function valueOf(
  { kind, label }: QueueArgument,
  given: string | boolean | undefined,
): FieldValue | undefined {
  if (given === undefined || given === '' || given === false) return undefined;
  if (given === true || kind === 'text' || kind === 'choice' || kind === 'flag') return given;
  try {
    return parseAmount(kind, given);
  } catch (error) {
    throw new Error(`${label}: ${(error as Error).message}`, { cause: error });
  }
}
