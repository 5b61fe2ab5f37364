// What just happened, told in a corner: successes go by themselves, failures stay until they are put away.
export interface Notice {
  id: number;
  kind: 'good' | 'bad';
  text: string;
}

const shownMs = 5000;
const noticesMax = 4;

class Notices {
  all = $state.raw<Notice[]>([]);
  #lastId = 0;

  say(text: string): void {
    const id = this.#add('good', text);
    setTimeout(() => this.dismiss(id), shownMs);
  }

  complain(text: string): void {
    this.#add('bad', text);
  }

  dismiss(id: number): void {
    this.all = this.all.filter((notice) => notice.id !== id);
  }

  #add(kind: Notice['kind'], text: string): number {
    const id = ++this.#lastId;
    // The same failure again is one failure.
    const others = this.all.filter((notice) => notice.kind !== kind || notice.text !== text);
    this.all = [...others, { id, kind, text }].slice(-noticesMax);
    return id;
  }
}

export const notices = new Notices();
