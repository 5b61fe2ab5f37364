// Where the console is: a path in the URL's fragment, so that every view has a link of its own, in the browser and
// on the desktop alike. What a view shows of its object (filter, sorting, page) follows as a query; changing it
// replaces the entry in the history instead of adding one.
import { changedQuery, link, queryOf, segmentsOf } from './link.ts';

class Route {
  #hash = $state.raw(location.hash);
  readonly #path = $derived(segmentsOf(this.#hash));
  readonly #query = $derived(queryOf(this.#hash));

  constructor() {
    window.addEventListener('hashchange', () => (this.#hash = location.hash));
  }

  /** Decoded, such as `['queues', '/', 'orders']`. */
  get segments(): string[] {
    return this.#path;
  }

  get view(): string {
    return this.#path[0] ?? 'overview';
  }

  get query(): URLSearchParams {
    return this.#query;
  }

  go(...segments: string[]): void {
    location.hash = link(...segments);
  }

  /** The view with its form for a new object open. */
  goNew(view: string): void {
    location.hash = `${link(view)}?new=yes`;
  }

  /** Whether the view's form for a new object is open: part of the link, as everything that is in view. */
  get isNew(): boolean {
    return this.query.has('new');
  }

  set isNew(open: boolean) {
    this.keep({ new: open ? 'yes' : '' });
  }

  /** Keeps `values` in the link of the view that is open; empty ones are left out. */
  keep(values: Record<string, string>): void {
    const hash = link(...this.#path) + changedQuery(this.query, values);
    if (hash === location.hash) return;
    history.replaceState(null, '', hash);
    this.#hash = hash;
  }
}

export const route = new Route();
