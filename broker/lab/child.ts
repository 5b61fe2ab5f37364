// The entry of the lab's process: it makes traffic and audits it for the host that forked it, and ends with it.
import { createBirpc } from 'birpc';
import { parentChannel } from '../base/parent-channel.ts';
import type { LabHost, LabServer } from './lab-protocol.ts';
import { LabRun } from './lab-run.ts';

const progressEveryMs = 250;

const channel = parentChannel();
let run: LabRun | null = null;
let timer: NodeJS.Timeout | null = null;

function running(): LabRun {
  if (!run) throw new Error('no run has begun');
  return run;
}

const answers: LabServer = {
  begin: async (plan) => {
    run = await LabRun.open(plan);
    timer = setInterval(() => void host.progress.asEvent(running().progress()), progressEveryMs);
    return run.begin();
  },
  link: (link) => Promise.resolve(running().link(link)),
  mark: (label, at) => Promise.resolve(running().mark(label, at)),
  endLoad: () => Promise.resolve(running().endLoad()),
  verdict: async (places) => {
    const outcome = await running().verdict(places);
    if (timer) clearInterval(timer);
    return outcome;
  },
};

const host = createBirpc<LabHost, LabServer>(answers, {
  post: (message) => channel.post(message),
  on: (handler) => channel.listen(handler),
  timeout: 30_000,
});
// A terminal's Ctrl-C is for the host, which ends its lab by word.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => process.exit(0));
channel.onClosed(() => process.exit(0));
