// Every conversation gives the answers that RabbitMQ gave when they were recorded, but for the listed deviations.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { methods } from '../../broker/amqp/methods.ts';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';
import { converse, type Transcripts } from './converse.ts';
import { conversations } from './conversations/all.ts';
import { deviations } from './deviations.ts';

const recorded = JSON.parse(
  readFileSync(new URL('./recorded/rabbitmq-3.10.8.json', import.meta.url), 'utf8'),
) as Transcripts;
const differs = deviations();
let node: NodeUnderTest;

beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node.dispose());

describe('R1 R2 R8 R14 R22 R24 R25 R26 R29 R31: conversations with RabbitMQ as the oracle', () => {
  for (const [name, talk] of Object.entries(conversations))
    test.concurrent(name, async () => {
      const transcript = (await converse({ [name]: talk }, node))[name];
      expect(recorded[name], 'recorded by npm run test:oracle').toBeDefined();
      if (differs.has(name)) expect(transcript).not.toEqual(recorded[name]);
      else expect(transcript).toEqual(recorded[name]);
    });

  test('deviations name conversations that exist', () => {
    expect([...differs].filter((name) => !(name in conversations))).toEqual([]);
  });

  test('every method of the protocol is said or heard', () => {
    const text =
      Object.values(recorded).flat().join('\n') + Object.values(conversations).map(String).join('\n');
    // Sent by the raw client's handshake, or by the server only under alarms.
    const elsewhere = new Set([
      'connection.start',
      'connection.start-ok',
      'connection.secure',
      'connection.secure-ok',
      'connection.open-ok',
      'connection.blocked',
      'connection.unblocked',
      'channel.flow-ok',
    ]);
    const missing = Object.keys(methods).filter((name) => !elsewhere.has(name) && !text.includes(name));
    expect(missing).toEqual([]);
  });
});
