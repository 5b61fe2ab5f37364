// What just happened, told in a corner: successes go by themselves, failures stay until they are put away.
export interface Notice {
  id: number;
  kind: 'good' | 'bad';
  text: string;
  /** Takes back what was done. */
  undo: (() => void) | null;
}

const shownMs = 5000;
/** What can be taken back is offered for longer. */
const undoableMs = 12_000;
const noticesMax = 4;

class Notices {
  all = $state.raw<Notice[]>([]);
  #lastId = 0;

  say(text: string, undo: (() => void) | null = null): void {
    const id = this.#add('good', text, undo);
    setTimeout(() => this.dismiss(id), undo ? undoableMs : shownMs);
  }

  complain(text: string): void {
    this.#add('bad', text, null);
  }

  dismiss(id: number): void {
    this.all = this.all.filter((notice) => notice.id !== id);
  }

  #add(kind: Notice['kind'], text: string, undo: Notice['undo']): number {
    const id = ++this.#lastId;
    // The same failure again is one failure.
    const others = this.all.filter((notice) => notice.kind !== kind || notice.text !== text);
    this.all = [...others, { id, kind, text, undo }].slice(-noticesMax);
    return id;
  }
}

export const notices = new Notices();
