// Runs conversations against a server and gives their transcripts.
import type { Conversations } from './conversations/conversations.ts';
import type { Peer } from '../peers/peer.ts';
import { Script, type Talk } from './script.ts';

export type Transcripts = Record<string, string[]>;

/** Conversations share nothing, so several go on at once: many of them wait for silence. */
const atOnce = 8;

export async function converse(conversations: Conversations, peer: Peer): Promise<Transcripts> {
  const transcripts: Transcripts = {};
  const waiting = Object.entries(conversations);
  const lane = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift())
      transcripts[next[0]] = await transcriptOf(next[1], peer);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return transcripts;
}

export async function transcriptOf(talk: Talk, peer: Peer): Promise<string[]> {
  const script = new Script(peer);
  try {
    await talk(script);
  } catch (error) {
    script.say(`broke off: ${error instanceof Error ? error.message : String(error)}`);
  }
  script.end();
  return script.transcript;
}
