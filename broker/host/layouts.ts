// Where the user put things on the canvas, kept per virtual host. Losing the last move in a crash is harmless, so
// nothing is synced. Names go in as text: NeDB refuses keys with dots.
import Datastore from '@seald-io/nedb';
import type { CanvasLayout } from '../contract/host-procedures.ts';

interface Document {
  _id: string;
  layout: string;
}

export class Layouts {
  readonly #datastore: Datastore<Document>;

  private constructor(datastore: Datastore<Document>) {
    this.#datastore = datastore;
  }

  static async open(filename: string): Promise<Layouts> {
    const datastore = new Datastore<Document>({ filename });
    await datastore.loadDatabaseAsync();
    return new Layouts(datastore);
  }

  async get(vhost: string): Promise<CanvasLayout> {
    const document = await this.#datastore.findOneAsync({ _id: vhost });
    return document ? (JSON.parse(document.layout) as CanvasLayout) : {};
  }

  async put(vhost: string, layout: CanvasLayout): Promise<void> {
    const document = { _id: vhost, layout: JSON.stringify(layout) };
    await this.#datastore.updateAsync({ _id: vhost }, document, { upsert: true });
  }
}
