// What a table shows and how: sorting, filtering and paging are the server's. A linked table keeps what it shows in
// the view's link, so that a reload, a bookmark and the way back find it as it was.
import type { Page } from '../../broker/contract/rows.ts';
import { queryOf } from '../state/link.ts';
import { route } from '../state/route.svelte.ts';

export interface Column {
  /** The server's sort key; null for a column that cannot be sorted. */
  sort: string | null;
  label: string;
  /** Set to the right. */
  numeric?: boolean;
  /** Said on hover, where the label is short. */
  title?: string;
  /** Left out where there is little room; its cells carry the class as well. */
  minor?: boolean;
}

export const pageSizes = [25, 50, 100, 250, 500];

interface Start {
  sort?: string;
  descending?: boolean;
  pageSize?: number;
  linked?: boolean;
}

export class TableState {
  #filter = $state('');
  #sort = $state<string | undefined>();
  #descending = $state(false);
  #page = $state(1);
  #pageSize = $state(50);
  readonly #start: Start;

  constructor(start: Start = {}) {
    this.#start = start;
    const query = start.linked ? route.query : queryOf('');
    this.#filter = query.get('filter') ?? '';
    this.#sort = query.get('sort') ?? start.sort;
    this.#descending = query.has('sort') ? query.get('order') === 'down' : (start.descending ?? false);
    this.#page = Math.max(1, Number(query.get('page')) || 1);
    const size = Number(query.get('size'));
    this.#pageSize = pageSizes.includes(size) ? size : (start.pageSize ?? 50);
  }

  get filter(): string {
    return this.#filter;
  }

  set filter(text: string) {
    this.#filter = text;
    this.#page = 1;
    this.#keep();
  }

  get sort(): string | undefined {
    return this.#sort;
  }

  get descending(): boolean {
    return this.#descending;
  }

  get page(): number {
    return this.#page;
  }

  set page(page: number) {
    this.#page = page;
    this.#keep();
  }

  get pageSize(): number {
    return this.#pageSize;
  }

  set pageSize(size: number) {
    this.#pageSize = size;
    this.#page = 1;
    this.#keep();
  }

  get input() {
    const { filter, sort, descending, page, pageSize } = this;
    return { filter, sort, descending, page, pageSize };
  }

  sortBy({ sort }: Column): void {
    if (sort === null) return;
    this.#descending = this.#sort === sort ? !this.#descending : false;
    this.#sort = sort;
    this.#page = 1;
    this.#keep();
  }

  #keep(): void {
    const { linked, sort, descending = false, pageSize = 50 } = this.#start;
    if (!linked) return;
    const asStarted = this.#sort === sort && this.#descending === descending;
    route.keep({
      filter: this.#filter,
      sort: asStarted ? '' : (this.#sort ?? ''),
      order: asStarted || !this.#descending ? '' : 'down',
      page: this.#page === 1 ? '' : String(this.#page),
      size: this.#pageSize === pageSize ? '' : String(this.#pageSize),
    });
  }
}

export function pageCount(page: Page<unknown>): number {
  return Math.max(1, Math.ceil(page.filteredCount / page.pageSize));
}
