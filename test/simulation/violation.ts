/** A promise that the code under simulation has broken. */
export class Violation extends Error {
  override name = 'Violation';
}

export function promised(holds: boolean, broken: () => string): asserts holds {
  if (!holds) throw new Violation(broken());
}
