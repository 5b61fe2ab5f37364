/** A broken invariant is our bug: the node dies, the host restarts it and says so. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
