// What a confirm promises, told by the system calls of a running node: `synced` has synced the file with the record
// before each confirm leaves, `written` has written it (R25, R32, DESIGN promise 1).
import { afterEach, describe, expect, test } from 'vitest';
import type { ConfirmMode } from '../../broker/journal/journal.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { NodeProcess } from './node-process.ts';
import { canTrace, SystemCallTrace, type SystemCall } from './system-calls.ts';

const messages = 25;
const cleanup: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const work of cleanup.splice(0).reverse()) await work();
});

/** Publishes one message after the other, each when the one before is confirmed. */
async function traceOfPublishes(confirmMode: ConfirmMode, filling = 0): Promise<SystemCall[]> {
  const node = await NodeProcess.start({ confirmMode });
  cleanup.push(() => node.dispose());
  const client = await ClientConnection.open({ host: '127.0.0.1', port: node.amqpPort });
  cleanup.push(() => client.destroy());
  const channel = await client.openChannel();
  await channel.declareQueue('traced', { durable: true });
  await channel.selectConfirms();
  const trace = await SystemCallTrace.of(node.pid);
  for (let number = 1; number <= messages; number++) {
    const confirmed = new Promise<void>((resolve) => {
      channel.onConfirmed = (_from, to) => to === number && resolve();
    });
    channel.publish('', 'traced', Buffer.from(bodyOf(number) + '.'.repeat(filling)), { deliveryMode: 2 });
    await confirmed;
  }
  return (await trace.end()).filter(({ failed }) => !failed);
}

const bodyOf = (number: number) => `<message ${number}>`;
const isSegment = ({ target }: SystemCall) => /\/journal\/\d+\.log$/.test(target);

/** The call that put the record into its file. */
function writeOf(calls: SystemCall[], number: number): SystemCall {
  const write = calls.find((call) => isSegment(call) && call.bytes.includes(bodyOf(number)));
  if (!write) throw new Error(`message ${number} was never written`);
  return write;
}

/** The call that sent a client the confirm of a message: basic.ack in a method frame of 13 octets. */
function confirmOf(calls: SystemCall[], number: number): SystemCall {
  const ack = Buffer.from('0100010000000d003c0050', 'hex');
  const tag = Buffer.alloc(8);
  tag.writeBigUInt64BE(BigInt(number));
  const confirm = calls.find((call) => call.bytes.includes(Buffer.concat([ack, tag])));
  if (!confirm) throw new Error(`message ${number} was never confirmed`);
  return confirm;
}

const title = 'R25 R32: what a confirm has waited for (where strace may trace)';

describe.skipIf(!canTrace)(title, { timeout: 60_000 }, () => {
  test('synced: the file was synced after the record was written and before its confirm was sent', async () => {
    const calls = await traceOfPublishes('synced');
    for (let number = 1; number <= messages; number++) {
      const write = writeOf(calls, number);
      const confirm = confirmOf(calls, number);
      const sync = calls.find(
        ({ name, target, begun, ended }) =>
          name === 'fdatasync' && target === write.target && begun > write.ended && ended < confirm.begun,
      );
      expect(sync, `a sync between the record of message ${number} and its confirm`).toBeDefined();
    }
    // The first record made the file: its name has to last as well.
    const folder = calls.find(({ name, target }) => name === 'fsync' && target.endsWith('/journal'));
    expect(folder!.begun).toBeGreaterThan(writeOf(calls, 1).ended);
    expect(folder!.ended).toBeLessThan(confirmOf(calls, 1).begun);
  });

  test('synced: a large write is one that returns when it is on the disk', async () => {
    const calls = await traceOfPublishes('synced', 20_000);
    for (let number = 1; number <= messages; number++) {
      const write = writeOf(calls, number);
      expect(write.ended).toBeLessThan(confirmOf(calls, number).begun);
      const open = calls.findLast(
        (call) => call.name === 'openat' && call.descriptor === write.descriptor && call.ended < write.begun,
      );
      expect(open).toMatchObject({
        target: write.target,
        flags: expect.stringContaining('O_DSYNC') as string,
      });
    }
  });

  test('written: the record was written before its confirm was sent, and nothing is synced', async () => {
    const calls = await traceOfPublishes('written');
    for (let number = 1; number <= messages; number++)
      expect(writeOf(calls, number).ended).toBeLessThan(confirmOf(calls, number).begun);
    expect(calls.filter((call) => call.name === 'fdatasync' && isSegment(call))).toEqual([]);
  });
});
