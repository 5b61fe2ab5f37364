// Runs conversations against a server and gives their transcripts.
import type { Conversations } from './conversations/conversations.ts';
import { Script, type Peer } from './script.ts';

export type Transcripts = Record<string, string[]>;

export async function converse(conversations: Conversations, peer: Peer): Promise<Transcripts> {
  const transcripts: Transcripts = {};
  for (const [name, talk] of Object.entries(conversations)) {
    const script = new Script(peer);
    try {
      await talk(script);
    } catch (error) {
      script.say(`broke off: ${error instanceof Error ? error.message : String(error)}`);
    }
    script.end();
    transcripts[name] = script.transcript;
  }
  return transcripts;
}
