// Links to the console's views. Segments are percent-encoded because names may hold anything.
export function link(...segments: string[]): string {
  return `#/${segments.map(encodeURIComponent).join('/')}`;
}

/** Decoded, such as `['queues', '/', 'orders']`. */
export function segmentsOf(hash: string): string[] {
  return hash
    .replace(/^#\/?/, '')
    .replace(/\?.*$/, '')
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

export function queryOf(hash: string): URLSearchParams {
  const mark = hash.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : hash.slice(mark + 1));
}

/** The query with some values changed, empty ones left out: `?filter=orders`, or nothing. */
export function changedQuery(query: URLSearchParams, values: Record<string, string>): string {
  const changed = new URLSearchParams(query);
  for (const [name, value] of Object.entries(values))
    if (value === '') changed.delete(name);
    else changed.set(name, value);
  return changed.size === 0 ? '' : `?${changed.toString()}`;
}
