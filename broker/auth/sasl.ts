// SASL responses: PLAIN [RFC 4616] and AMQPLAIN (a field table without its length, RabbitMQ's own).
import { decodeTable, stringOf } from '../amqp/field-table.ts';

export const mechanisms = ['PLAIN', 'AMQPLAIN'] as const;
export type Mechanism = (typeof mechanisms)[number];

export interface Credentials {
  user: string;
  password: string;
}

/** Null when the response is not one of the mechanism's. */
export function credentialsIn(mechanism: Mechanism, response: Buffer): Credentials | null {
  return mechanism === 'PLAIN' ? plain(response) : amqplain(response);
}

function plain(response: Buffer): Credentials | null {
  const parts = response.toString('utf8').split('\0');
  // RabbitMQ takes no authorisation identity.
  if (parts.length !== 3 || parts[0] !== '') return null;
  return { user: parts[1]!, password: parts[2]! };
}

function amqplain(response: Buffer): Credentials | null {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(response.length);
  try {
    const table = decodeTable(Buffer.concat([length, response]));
    const user = stringOf(table.get('LOGIN'));
    const password = stringOf(table.get('PASSWORD'));
    return user === null || password === null ? null : { user, password };
  } catch {
    return null;
  }
}
