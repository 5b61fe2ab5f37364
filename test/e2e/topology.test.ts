// The canvas: draw, bind, publish, unbind, delete, by hand and by keyboard (R3, R8, R11).
import type { Locator } from 'playwright-core';
import { expect, test } from 'vitest';
import { withChannel } from './amqp-client.ts';
import { onEverySurface, type Session } from './surface.ts';

const node = (session: Session, name: string) => session.page.getByLabel(name, { exact: true });

async function centre(locator: Locator): Promise<{ x: number; y: number }> {
  const box = (await locator.boundingBox())!;
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** Presses at the middle of one thing, moves by so much or to another, lets go, as a hand does. */
async function drag(session: Session, from: Locator, to: Locator | { by: [number, number] }): Promise<void> {
  const { mouse } = session.page;
  // Once it holds still: a canvas that was just opened still fits itself to its window.
  await from.hover();
  const start = await centre(from);
  const end = 'by' in to ? { x: start.x + to.by[0], y: start.y + to.by[1] } : await centre(to);
  await mouse.down();
  await mouse.move((start.x + end.x) / 2, (start.y + end.y) / 2, { steps: 4 });
  await mouse.move(end.x, end.y, { steps: 4 });
  await mouse.up();
}

async function create(session: Session, kind: 'Exchange' | 'Queue', name: string): Promise<void> {
  const { page } = session;
  await page.getByRole('button', { name: kind, exact: true }).click();
  const dialog = page.getByRole('dialog', { name: `New ${kind.toLowerCase()}` });
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByRole('button', { name: `Create ${kind.toLowerCase()}` }).click();
  await dialog.waitFor({ state: 'hidden' });
  await node(session, `${kind.toLowerCase()} ${name}`).waitFor();
}

/** Moves the focus on by Tab until it is there. */
async function tabTo({ page }: Session, target: Locator): Promise<void> {
  await target.waitFor({ state: 'attached' });
  for (let pressed = 0; pressed < 80; pressed++) {
    if ((await target.and(page.locator(':focus')).count()) > 0) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab never came to ${String(target)}`);
}

onEverySurface('topology', (session) => {
  test('an exchange and a queue are drawn and bound by a drag, and a message goes through', async () => {
    const { page } = session;
    await session.go('Topology', 'topology');
    await create(session, 'Exchange', 'shop');
    await create(session, 'Queue', 'orders');

    await drag(
      session,
      node(session, 'exchange shop').locator('.svelte-flow__handle.source'),
      node(session, 'queue orders').locator('.svelte-flow__handle.target'),
    );
    const binding = page.getByRole('dialog', { name: 'Bind shop to orders' });
    await binding.getByLabel('Routing key').fill('order.new');
    await binding.getByRole('button', { name: 'Bind', exact: true }).click();
    await binding.waitFor({ state: 'hidden' });
    await page.getByText('order.new', { exact: true }).waitFor();

    await node(session, 'exchange shop').click();
    await page.getByRole('button', { name: 'Publish' }).click();
    const publish = page.getByRole('dialog', { name: 'Publish to shop' });
    await publish.getByLabel('Routing key').fill('order.new');
    await publish.getByLabel('Payload').fill('{"id": 1}');
    await publish.getByRole('button', { name: 'Publish message' }).click();
    await publish.getByText('Confirmed: it is in 1 queue').waitFor();
    await publish.getByRole('button', { name: 'Close' }).first().click();

    const message = await withChannel(session.amqpUri, (channel) => channel.get('orders', { noAck: true }));
    expect(message && message.content.toString()).toBe('{"id": 1}');
    expect(message && message.fields.exchange).toBe('shop');
  });

  test('what was moved stays where it was put, also after a reload', async () => {
    const { page } = session;
    await session.go('Topology', 'topology');
    await page.reload();
    const queue = node(session, 'queue orders');
    const place = async () => /translate\([^)]*\)/.exec((await queue.getAttribute('style')) ?? '')?.[0];
    const arranged = await place();
    await drag(session, queue, { by: [40, 170] });
    const moved = await place();
    await page.reload();
    await page.getByRole('heading', { name: 'Topology', level: 1 }).waitFor();
    await queue.waitFor();
    expect(moved).not.toBe(arranged);
    expect(await place()).toBe(moved);
  });

  test('a binding and a queue are removed on the canvas', async () => {
    const { page } = session;
    await session.go('Topology', 'topology');
    const edge = page.getByLabel('1 binding from exchange:shop to queue:orders');
    await page.locator('.svelte-flow__edge-label', { hasText: 'order.new' }).click();
    await page.getByRole('button', { name: 'Unbind' }).click();
    await edge.waitFor({ state: 'detached' });

    await node(session, 'queue orders').click();
    await page.getByRole('button', { name: 'Delete' }).click();
    const dialog = page.getByRole('dialog', { name: 'Delete the queue orders?' });
    await dialog.getByText('0 bindings and 0 messages').waitFor();
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await node(session, 'queue orders').waitFor({ state: 'hidden' });
    await expect(withChannel(session.amqpUri, (channel) => channel.checkQueue('orders'))).rejects.toThrow(
      /404/,
    );
  });

  test('by keyboard alone: a queue and an exchange are made, bound and unbound', async () => {
    const { page } = session;
    const { keyboard } = page;
    await session.go('Topology', 'topology');
    await tabTo(session, page.getByRole('button', { name: 'Exchange', exact: true }));
    await keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'New exchange' }).waitFor();
    await keyboard.type('typed');
    await keyboard.press('Enter');
    await tabTo(session, page.getByRole('button', { name: 'Queue', exact: true }));
    await keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'New queue' }).waitFor();
    await keyboard.type('typed-into');
    await keyboard.press('Enter');
    await node(session, 'queue typed-into').waitFor();

    await tabTo(session, node(session, 'exchange typed'));
    await keyboard.press('Enter');
    await tabTo(session, page.getByRole('button', { name: 'Bind a queue' }));
    await keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'New binding' });
    await tabTo(session, dialog.getByLabel('Name'));
    await keyboard.type('typed-into');
    await tabTo(session, dialog.getByLabel('Routing key'));
    await keyboard.type('by.hand');
    await keyboard.press('Enter');
    const edge = page.getByLabel('1 binding from exchange:typed to queue:typed-into');
    await edge.waitFor({ state: 'attached' });

    await tabTo(session, edge);
    await keyboard.press('Enter');
    await tabTo(session, page.getByRole('button', { name: 'Unbind' }));
    await keyboard.press('Enter');
    await edge.waitFor({ state: 'detached' });
  });
});
