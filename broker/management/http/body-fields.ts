// Fields of request bodies: which must be there, and what their values may be. RabbitMQ's refusals.
import type { Arguments } from '../../contract/rows.ts';
import { badRequest } from './api-error.ts';
import type { Json } from './list-answer.ts';

/** Throws ApiError 400 naming all that are missing. */
export function given<Name extends string>(body: Json, ...names: Name[]): Record<Name, unknown> {
  const missing = names.filter((name) => body[name] === undefined);
  if (missing.length > 0) throw badRequest(`[${missing.map((name) => `{key_missing,${name}}`).join(',')}]`);
  return body as Record<Name, unknown>;
}

/** A truth value, or its text: rabbitmqadmin sends text. Throws ApiError 400. */
export function flagOf(value: unknown, otherwise = false): boolean {
  if (value === undefined) return otherwise;
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw badRequest(['not_boolean', value]);
}

/** A whole number, or its text. Throws ApiError 400. */
export function integerOf(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  if (typeof value === 'string' && /^-?\d+$/.test(value)) return Number(value);
  throw badRequest(['not_integer', value]);
}

/** Throws ApiError 400 when it is no object or holds a null, which no field table of RabbitMQ's takes. */
export function argumentsOf(value: unknown): Arguments {
  if (value === undefined) return {};
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw badRequest('arguments must be an object');
  if (holdsNull(value)) throw badRequest('null_not_allowed');
  return value as Arguments;
}

function holdsNull(value: unknown): boolean {
  if (value === null) return true;
  return typeof value === 'object' && Object.values(value).some(holdsNull);
}
