// Has the talks with a server, one after the other: some speak of all that it holds.
import type { Peer } from '../peers/peer.ts';
import { HttpScript, type Answer } from './http-script.ts';
import { talks } from './requests/all.ts';

export type Answers = Record<string, Answer[]>;

export async function askAll(peer: Peer, names: readonly string[] = Object.keys(talks)): Promise<Answers> {
  const answers: Answers = {};
  for (const name of names) {
    const script = new HttpScript(peer);
    try {
      await talks[name]!(script);
    } finally {
      await script.end();
    }
    answers[name] = script.answers;
  }
  return answers;
}
