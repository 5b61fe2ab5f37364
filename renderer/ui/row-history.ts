// The last values of a figure, per row of a list: for the rows on screen only, kept by the console itself.
const kept = 60;

export class RowHistory {
  #values = new Map<string, number[]>();

  /** One more value of each row; rows that are no longer there are forgotten. */
  take(rows: readonly { key: string; value: number }[]): void {
    const next = new Map<string, number[]>();
    for (const { key, value } of rows) next.set(key, [...(this.#values.get(key) ?? []), value].slice(-kept));
    this.#values = next;
  }

  of(key: string): readonly number[] {
    return this.#values.get(key) ?? [];
  }
}
