// The management API answers every request as RabbitMQ did when it was recorded, but for the listed deviations.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';
import { askAll, type Answers } from './ask.ts';
import { compareTalk, deviatingRequests } from './compare.ts';
import { talks } from './requests/all.ts';

const recorded = JSON.parse(
  readFileSync(new URL('./recorded/rabbitmq-3.10.8.json', import.meta.url), 'utf8'),
) as Answers;
let node: NodeUnderTest;

beforeAll(async () => {
  node = await startNode({ limits: { messageBytesMax: 1 << 20 } });
});
afterAll(() => node.dispose());

describe("R39 R40: the management API with RabbitMQ's as the oracle", () => {
  const differed = new Set<string>();

  for (const name of Object.keys(talks))
    test(name, async () => {
      const ours = await askAll(node, [name]);
      const { unlisted, listed } = compareTalk(name, recorded[name]!, ours[name]!);
      for (const request of listed) differed.add(request);
      expect(unlisted).toEqual([]);
    });

  test('every listed deviation still differs', () => {
    expect([...deviatingRequests()].filter((request) => !differed.has(request))).toEqual([]);
  });
});
