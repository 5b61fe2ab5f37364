// R39 R40: Debian's rabbitmqadmin has each command end with Warren as it ended with RabbitMQ when it was recorded
// (`npm run test:oracle` records it anew), but for the listed deviations.
import { beforeAll, describe, expect, test } from 'vitest';
import { startNode } from '../node-under-test.ts';
import { outcomesOf, rabbitmqadminInstalled, recordedOutcomes, type Outcome } from './rabbitmqadmin.ts';
import { deviating } from './rabbitmqadmin-script.ts';

/** A hundred commands, each a Python of its own. */
const scriptMs = 240_000;

describe.skipIf(!rabbitmqadminInstalled)("R39 R40: Debian's rabbitmqadmin", () => {
  const recorded = recordedOutcomes();
  let ours: Outcome[];

  beforeAll(async () => {
    const node = await startNode();
    ours = await outcomesOf(node).finally(() => node.dispose());
  }, scriptMs);

  for (const [index, theirs] of recorded.entries())
    test(`${index + 1}. ${theirs.command}`, () => {
      if (!deviating.has(theirs.command)) return expect(ours[index]).toEqual(theirs);
      expect(ours[index]!.command).toBe(theirs.command);
      expect(ours[index], 'it is listed as a deviation').not.toEqual(theirs);
    });

  test('no command is without a recording', () => expect(ours.length).toBe(recorded.length));
});
