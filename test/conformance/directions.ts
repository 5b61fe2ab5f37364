// Which side may send which method [AMQP 1.x reference, and RabbitMQ's extensions]: what the conversations must hold.
import { methods, type MethodName } from '../../broker/amqp/methods.ts';

/** Either side may begin these, or answer them. */
const both = new Set<MethodName>([
  'connection.close',
  'connection.close-ok',
  'channel.close',
  'channel.close-ok',
  'basic.ack',
  'basic.nack',
  'basic.cancel',
]);

/** No side says these today: a challenge needs a mechanism that has one, and RabbitMQ stopped pausing clients by flow. */
const never = ['connection.secure', 'channel.flow-ok'] as const;

const fromServer: readonly MethodName[] = [
  'connection.start',
  'connection.secure',
  'connection.tune',
  'connection.blocked',
  'connection.unblocked',
  'basic.deliver',
  'basic.return',
  'basic.get-ok',
  'basic.get-empty',
];
const fromClient: readonly MethodName[] = [
  'connection.start-ok',
  'connection.secure-ok',
  'connection.tune-ok',
];

const names = Object.keys(methods) as MethodName[];
/** An answer comes from who was asked; all but the handshake's are the server's. */
const answersOfServer = names.filter((name) => name.endsWith('-ok') && !fromClient.includes(name));

const isFromServer = (name: MethodName) => fromServer.includes(name) || answersOfServer.includes(name);

export const onlyFromServer = new Set(names.filter((name) => isFromServer(name) && !both.has(name)));
export const onlyFromClient = new Set<MethodName>([
  ...names.filter((name) => !isFromServer(name) && !both.has(name)),
  ...never,
]);
