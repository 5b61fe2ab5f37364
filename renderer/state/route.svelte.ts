// Where the console is: a path in the URL's fragment, so that every view has a link of its own, in the browser and
// on the desktop alike. Segments are percent-encoded because names may hold anything.
class Route {
  #path = $state(read());

  constructor() {
    window.addEventListener('hashchange', () => (this.#path = read()));
  }

  /** Decoded, such as `['queues', '/', 'orders']`. */
  get segments(): string[] {
    return this.#path;
  }

  get view(): string {
    return this.#path[0] ?? 'overview';
  }

  go(...segments: string[]): void {
    location.hash = link(...segments);
  }
}

export function link(...segments: string[]): string {
  return `#/${segments.map(encodeURIComponent).join('/')}`;
}

function read(): string[] {
  return location.hash
    .replace(/^#\/?/, '')
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => {
      try {
        return decodeURIComponent(segment);
      } catch {
        return segment;
      }
    });
}

export const route = new Route();
