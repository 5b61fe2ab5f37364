// Every conversation gives the answers that RabbitMQ gave when they were recorded, but for the listed deviations.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { methods, type MethodName } from '../../broker/amqp/methods.ts';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';
import { transcriptOf, type Transcripts } from './converse.ts';
import { alone, conversations } from './conversations/all.ts';
import { deviations } from './deviations.ts';
import { onlyFromClient, onlyFromServer } from './directions.ts';
import { spoken } from './raw-client.ts';
import { messageBytesMax } from './script.ts';

const recorded = JSON.parse(
  readFileSync(new URL('./recorded/rabbitmq-3.10.8.json', import.meta.url), 'utf8'),
) as Transcripts;
const differs = deviations();
let node: NodeUnderTest;

beforeAll(async () => {
  node = await startNode({ limits: { messageBytesMax } });
});
afterAll(() => node.dispose());

function compare(name: string, transcript: string[]): void {
  expect(recorded[name], 'recorded by npm run test:oracle').toBeDefined();
  if (differs.has(name)) expect(transcript).not.toEqual(recorded[name]);
  else expect(transcript).toEqual(recorded[name]);
}

describe('R1 R2 R8 R14 R22 R24 R25 R26 R29 R31: conversations with RabbitMQ as the oracle', () => {
  for (const [name, talk] of Object.entries(conversations))
    test.concurrent(name, async () => {
      compare(name, await transcriptOf(talk, node));
    });
});

describe('conversations that concern the whole broker', () => {
  for (const [name, talk] of Object.entries(alone))
    test(name, async () => {
      const ownNode = await startNode();
      try {
        compare(name, await transcriptOf(talk, ownNode));
      } finally {
        await ownNode.dispose();
      }
    });
});

describe('the conversations', () => {
  test('are all there are: deviations and the recording name no other', () => {
    const known = new Set([...Object.keys(conversations), ...Object.keys(alone)]);
    expect([...differs].filter((name) => !known.has(name))).toEqual([]);
    expect(Object.keys(recorded).filter((name) => !known.has(name))).toEqual([]);
  });

  test('every method that a client may send was said, every one that the server may send was heard', () => {
    const names = Object.keys(methods) as MethodName[];
    expect(names.filter((name) => !onlyFromServer.has(name) && !spoken.said.has(name))).toEqual([]);
    expect(names.filter((name) => !onlyFromClient.has(name) && !spoken.heard.has(name))).toEqual([]);
  });
});
