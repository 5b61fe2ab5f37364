// A node's log lines on their way to the host.
import { expect, test } from 'vitest';
import { LogSender } from '../../broker/node/log-sender.ts';
import { eventually } from '../eventually.ts';

test('lines of a tick go together and in order, an error at once', async () => {
  const sent: string[][] = [];
  const sender = new LogSender((lines) => sent.push(lines.map(({ message }) => message)));
  sender.add('info', 'a');
  sender.add('warn', 'b');
  expect(sent).toEqual([]);
  sender.add('error', 'c');
  expect(sent).toEqual([['a', 'b', 'c']]);
  sender.add('info', 'd');
  sender.add('info', 'e');
  await eventually('the next tick', () => sent.length > 1);
  expect(sent).toEqual([
    ['a', 'b', 'c'],
    ['d', 'e'],
  ]);
});
