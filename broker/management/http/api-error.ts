// Refusals as RabbitMQ's HTTP API words them: a status, and `error` and `reason` in the body.
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { ContractError, type ContractErrorCode } from '../../contract/errors.ts';

export class ApiError extends Error {
  readonly status: ContentfulStatusCode;
  readonly error: string;
  /** Text, or the list that an Erlang tuple becomes. */
  readonly reason: string | unknown[];

  constructor(status: ContentfulStatusCode, error: string, reason: string | unknown[]) {
    super(typeof reason === 'string' ? reason : JSON.stringify(reason));
    this.status = status;
    this.error = error;
    this.reason = reason;
  }
}

export function badRequest(reason: string | unknown[]): ApiError {
  return new ApiError(400, 'bad_request', reason);
}

/** What the path names is not there. */
export function notFound(): ApiError {
  return new ApiError(404, 'Object Not Found', 'Not Found');
}

export function notAuthorised(reason: string): ApiError {
  return new ApiError(401, 'not_authorised', reason);
}

/** What a procedure refused, as an answer to a declaration. */
export function apiErrorOf({ code, message }: ContractError): ApiError {
  switch (code) {
    case 'not-found':
      return new ApiError(404, 'not_found', message);
    case 'refused':
      return notAuthorised('Access refused.');
    case 'unauthenticated':
      return notAuthorised(message);
    case 'too-large':
      return new ApiError(413, 'bad_request', message);
    case 'unavailable':
      return new ApiError(503, 'unavailable', message);
    case 'internal':
      return new ApiError(500, 'internal_error', 'internal error');
    default:
      return badRequest(message);
  }
}

const channelCodes: Partial<Record<ContractErrorCode, readonly [number, string]>> = {
  'not-found': [404, 'NOT_FOUND'],
  refused: [403, 'ACCESS_REFUSED'],
  conflict: [406, 'PRECONDITION_FAILED'],
};

/** What a procedure refused, as RabbitMQ answers where it goes through a channel of its own: with AMQP's words. */
export function channelErrorOf(error: unknown): unknown {
  if (!(error instanceof ContractError)) return error;
  const [code, name] = channelCodes[error.code] ?? [0, ''];
  const text = `${name} - ${error.message}`;
  if (code === 404) return new ApiError(404, 'not_found', text);
  if (code === 403) return notAuthorised(text);
  return code === 0 ? error : badRequest(`${code} ${text}`);
}

/** The same for a publish, whose refusals are all bad requests. */
export function publishErrorOf(error: unknown): unknown {
  if (!(error instanceof ContractError)) return error;
  if (error.code === 'too-large')
    return badRequest('rejected Unable to publish message. Check queue limits.');
  const [code, name] = channelCodes[error.code] ?? [0, ''];
  return code === 0 ? error : badRequest(`${code} ${name} - ${error.message}`);
}
