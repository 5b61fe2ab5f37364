// What a connection says of itself and agrees on before it opens: protocol header, start, tune.
import { longString, type FieldTable, type TypedValue } from '../amqp/field-table.ts';
import { FrameWriter } from '../amqp/frame-writer.ts';
import { ConnectionError, ReplyCode } from '../amqp/reply-codes.ts';
import { mechanisms } from '../auth/sasl.ts';
import type { BrokerLimits, BrokerServices } from '../channel/channel-host.ts';

export const protocolHeader = Buffer.from('AMQP\x00\x00\x09\x01', 'latin1');
/** 0-9's own header, which RabbitMQ takes for 0-9-1 (R2). */
const acceptedHeaders = [protocolHeader, Buffer.from('AMQP\x01\x01\x00\x09', 'latin1')];
export const frameMaxBeforeTune = 4096;

export function isAcceptedHeader(header: Buffer): boolean {
  return acceptedHeaders.some((accepted) => accepted.equals(header));
}

const capabilities = [
  'publisher_confirms',
  'exchange_exchange_bindings',
  'basic.nack',
  'consumer_cancel_notify',
  'connection.blocked',
  'consumer_priorities',
  'authentication_failure_close',
  'per_consumer_qos',
  'direct_reply_to',
];

function serverProperties({ productVersion, nodeName }: BrokerServices): FieldTable {
  const flags = new Map<string, TypedValue>(capabilities.map((name) => [name, { type: 't', value: true }]));
  return new Map<string, TypedValue>([
    ['capabilities', { type: 'F', value: flags }],
    ['cluster_name', longString(nodeName)],
    ['copyright', longString('Copyright (c) 2026 The Warren authors')],
    ['information', longString('Licensed under the MIT licence')],
    ['platform', longString(`Node.js ${process.versions.node}`)],
    ['product', longString('Warren')],
    ['version', longString(productVersion)],
  ]);
}

/** The frame of connection.start, which is the same for everybody. */
export function greetingOf(services: BrokerServices): Buffer {
  const writer = new FrameWriter(services.outputBuffers, () => undefined);
  writer.method(0, 'connection.start', {
    versionMajor: 0,
    versionMinor: 9,
    serverProperties: serverProperties(services),
    mechanisms: Buffer.from(mechanisms.join(' ')),
    locales: Buffer.from('en_US'),
  });
  const { parts, filled } = writer.take();
  const frame = Buffer.concat(parts);
  services.outputBuffers.giveBack(filled);
  return frame;
}

export function hasCapability(clientProperties: FieldTable, name: string): boolean {
  const table = clientProperties.get('capabilities');
  const value = table?.type === 'F' ? table.value.get(name) : undefined;
  return value?.type === 't' && value.value;
}

export interface Tuned {
  channelMax: number;
  /** 0 where the client set no limit. */
  frameMax: number;
  heartbeatSeconds: number;
}

/** Throws ConnectionError 530 when the client asks for more than was offered. */
export function checkTune(offered: BrokerLimits, wanted: Tuned): Tuned {
  checkBound('channel_max', offered.channelMax, wanted.channelMax, 0);
  checkBound('frame_max', offered.frameMax, wanted.frameMax, frameMaxBeforeTune);
  return wanted;
}

function checkBound(name: string, offered: number, wanted: number, least: number): void {
  if (offered === 0) return;
  if (wanted === 0)
    throw new ConnectionError(
      ReplyCode.NOT_ALLOWED,
      `negotiated ${name} = 0 (no limit) is higher than the maximum allowed value (${offered})`,
    );
  if (wanted > offered)
    throw new ConnectionError(
      ReplyCode.NOT_ALLOWED,
      `negotiated ${name} = ${wanted} is higher than the maximum allowed value (${offered})`,
    );
  if (wanted < least)
    throw new ConnectionError(
      ReplyCode.NOT_ALLOWED,
      `negotiated ${name} = ${wanted} is lower than the minimum allowed value (${least})`,
    );
}
