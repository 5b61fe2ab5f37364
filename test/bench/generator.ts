// The load generator's process: takes one job, does it, answers, ends. A process of its own so that its CPU time
// and its garbage are nobody else's.
import { runDrain, runFill } from './load/backlog.ts';
import { runConnections } from './load/connections.ts';
import { runDeclares } from './load/declares.ts';
import { runFairness } from './load/fairness.ts';
import { runFlow } from './load/flow.ts';
import { runLatency } from './load/latency.ts';
import type { Job, JobResult } from './load/scenario.ts';

function run(job: Job): Promise<JobResult> {
  const { scenario } = job;
  switch (scenario.kind) {
    case 'flow':
      return runFlow(job, scenario);
    case 'latency':
      return runLatency(job, scenario);
    case 'connections':
      return runConnections(job, scenario);
    case 'declares':
      return runDeclares(job, scenario);
    case 'fill':
      return runFill(job, scenario);
    case 'drain':
      return runDrain(job, scenario);
    case 'fairness':
      return runFairness(job, scenario);
  }
}

process.once('message', (job: Job) => {
  run(job).then(
    (result) => process.send!({ result }, () => process.exit(0)),
    (error: unknown) => process.send!({ error: String(error) }, () => process.exit(1)),
  );
});
