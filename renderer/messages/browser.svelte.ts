// What the message browser looks at: a page by position, or what a search found. The list follows the queue until
// somebody looks closer: while a message is open or selected it stands still, and says that it does.
import { SvelteMap } from 'svelte/reactivity';
import type { MessageRow } from '../../broker/contract/rows.ts';
import type { InputOf } from '../../broker/contract/procedure.ts';
import type { NodeProcedures } from '../../broker/contract/node-procedures.ts';
import { connection } from '../rpc/connection.svelte.ts';
import { liveNode } from '../rpc/live.svelte.ts';
import { failureText } from '../state/actions.svelte.ts';

export type Where = InputOf<NodeProcedures['messages.search']>['where'];

export interface Search {
  text: string;
  where: Where;
  items: MessageRow[];
  scanned: number;
  ready: number;
  elapsedMs: number;
  /** Where to go on; null when the tail was reached. */
  next: number | null;
  running: boolean;
  problem: string | null;
}

export const pageSize = 50;
const bodyStartBytesMax = 4096;
/** A search pauses after this many finds and can be told to go on. */
const foundAtOnce = 200;

export class Browser {
  readonly vhost: string;
  readonly queue: string;
  offset = $state(0);
  state = $state<'ready' | 'unacknowledged'>('ready');
  open = $state.raw<MessageRow | null>(null);
  search = $state.raw<Search | null>(null);
  /** By position; what it was when it was selected. */
  readonly selected = new SvelteMap<number, MessageRow>();
  readonly live;
  #page = $state.raw<{ items: MessageRow[]; ready: number; unacknowledged: number } | undefined>();
  /** The answer that a new question still has to replace. */
  #asked: unknown = undefined;
  #wanted = $state(true);
  #cancelled = false;

  /** Call while a component is set up. */
  constructor(vhost: string, queue: string) {
    this.vhost = vhost;
    this.queue = queue;
    this.live = liveNode(
      'messages.peek',
      () => ({ vhost, queue, offset: this.offset, limit: pageSize, state: this.state, bodyStartBytesMax }),
      1000,
    );
    $effect(() => {
      const { value } = this.live;
      if (value === undefined || (this.held && !this.#wanted) || (this.#wanted && value === this.#asked))
        return;
      this.#wanted = false;
      this.#page = value;
      this.#stepBack();
    });
  }

  /** Whether the list stands still for a reader. */
  get held(): boolean {
    return this.open !== null || this.selected.size > 0;
  }

  /** Whether the queue has moved on from what is shown. */
  get behind(): boolean {
    return this.search === null && this.held && this.live.value !== this.#page;
  }

  get loaded(): boolean {
    return this.search !== null || this.#page !== undefined;
  }

  get items(): MessageRow[] {
    return this.search?.items ?? this.#page?.items ?? [];
  }

  /** Of the state in view, as the queue is now. */
  get total(): number {
    const now = this.live.value;
    if (!now) return 0;
    return this.state === 'ready' ? now.ready : now.unacknowledged;
  }

  get ready(): number {
    return this.live.value?.ready ?? 0;
  }

  get unacknowledged(): number {
    return this.live.value?.unacknowledged ?? 0;
  }

  goTo(offset: number): void {
    const last = Math.max(0, this.total - 1);
    const before = this.offset;
    this.#ask();
    this.offset = Math.max(0, Math.min(Math.floor(offset), last));
    if (this.offset === before) this.live.refresh();
  }

  show(state: Browser['state']): void {
    this.#ask();
    this.state = state;
    this.offset = 0;
    this.selected.clear();
    this.open = null;
    this.search = null;
  }

  refresh(): void {
    this.#ask();
    this.live.refresh();
  }

  /** The message before or after the open one in the list. */
  step(by: 1 | -1): void {
    const { open, items } = this;
    if (!open) return;
    const at = items.findIndex(({ position }) => position === open.position);
    const next = items[at + by];
    if (at >= 0 && next) this.open = next;
  }

  toggle(message: MessageRow): void {
    if (this.selected.has(message.position)) this.selected.delete(message.position);
    else this.selected.set(message.position, message);
  }

  /** After messages were taken out. */
  forget(): void {
    this.selected.clear();
    this.open = null;
    const { search } = this;
    if (search) void this.find(search.text, search.where);
    this.refresh();
  }

  async find(text: string, where: Where): Promise<void> {
    this.open = null;
    this.search = {
      text,
      where,
      items: [],
      scanned: 0,
      ready: this.ready,
      elapsedMs: 0,
      next: 0,
      running: false,
      problem: null,
    };
    await this.findMore();
  }

  /** Goes on to the tail, or until a screenful more was found or it is cancelled. */
  async findMore(): Promise<void> {
    const begun = this.search;
    if (!begun || begun.running) return;
    this.#cancelled = false;
    const startedAt = performance.now();
    const until = begun.items.length + foundAtOnce;
    let search: Search = { ...begun, running: true, problem: null };
    const is = (next: Search) => {
      // Another search may have begun, or this one been left, while the broker looked.
      if (this.search?.text !== begun.text || this.search.where !== begun.where) return false;
      search = next;
      this.search = next;
      return true;
    };
    is(search);
    while (search.next !== null && search.items.length < until && !this.#cancelled) {
      const { text, where, next } = search;
      const { vhost, queue } = this;
      try {
        const input = { vhost, queue, text, where, offset: next, limit: 50, bodyStartBytesMax };
        const piece = await connection.callNode('messages.search', input);
        const found = {
          ...search,
          items: [...search.items, ...piece.items],
          scanned: search.scanned + piece.scanned,
          ready: piece.ready,
          next: piece.next,
          elapsedMs: begun.elapsedMs + performance.now() - startedAt,
        };
        if (!is(found)) return;
      } catch (error) {
        is({ ...search, running: false, problem: failureText(error) });
        return;
      }
    }
    is({ ...search, running: false });
  }

  cancel(): void {
    this.#cancelled = true;
  }

  leaveSearch(): void {
    this.cancel();
    this.search = null;
    this.open = null;
    this.refresh();
  }

  #ask(): void {
    this.#asked = this.live.value;
    this.#wanted = true;
  }

  /** A page beyond the end happens when messages go; the last one that exists is shown instead. */
  #stepBack(): void {
    if (this.offset > 0 && this.#page?.items.length === 0)
      this.offset = Math.max(0, Math.floor((this.total - 1) / pageSize) * pageSize);
  }
}
