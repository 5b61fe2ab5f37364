// What a table shows and how: sorting, filtering and paging are the server's.
import type { Page } from '../../broker/contract/rows.ts';

export interface Column<Row> {
  /** The server's sort key; null for a column that cannot be sorted. */
  sort: string | null;
  label: string;
  numeric?: boolean;
  text?: (row: Row) => string | number;
}

export class TableState {
  filter = $state('');
  sort = $state<string | undefined>();
  descending = $state(false);
  page = $state(1);
  pageSize = $state(50);

  constructor(sort?: string, descending = false) {
    this.sort = sort;
    this.descending = descending;
  }

  get input() {
    const { filter, sort, descending, page, pageSize } = this;
    return { filter, sort, descending, page, pageSize };
  }

  sortBy(key: string): void {
    if (this.sort === key) this.descending = !this.descending;
    else {
      this.sort = key;
      this.descending = false;
    }
    this.page = 1;
  }
}

export function pageCount(page: Page<unknown>): number {
  return Math.max(1, Math.ceil(page.filteredCount / page.pageSize));
}
