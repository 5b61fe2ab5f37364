// Errors that cross the contract. `code` is for machines, `message` is shown to people as it is.
export const contractErrorCodes = [
  'invalid', // the input does not fit the schema, or a value in it is impossible (HTTP 400)
  'unauthenticated', // no or wrong credentials (401)
  'refused', // the user may not do this (403)
  'not-found', // the object named does not exist (404)
  'conflict', // the object is in use, not empty, or exists with other properties (409)
  'too-large', // over a stated limit (413)
  'unavailable', // the node is away, starting, or its disk has failed (503)
  'internal', // our bug (500)
] as const;

export type ContractErrorCode = (typeof contractErrorCodes)[number];

export class ContractError extends Error {
  readonly code: ContractErrorCode;

  constructor(code: ContractErrorCode, message: string) {
    super(message);
    this.name = 'ContractError';
    this.code = code;
  }
}

/** The form an error takes on the wire (structured clone and MessagePack both lose the class). */
export interface ErrorShape {
  readonly code: ContractErrorCode;
  readonly message: string;
}

export function toErrorShape(error: unknown): ErrorShape {
  if (error instanceof ContractError) return { code: error.code, message: error.message };
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}
