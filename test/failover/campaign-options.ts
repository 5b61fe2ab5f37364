// The command line of the failure campaign.
import { parseArgs } from 'node:util';
import { pairModels, type PairModel } from '../../broker/contract/host-procedures.ts';
import { faultNames, type FaultName } from './faults.ts';

export const usage = `Usage: npm run test:failover -- [options]

Fails a pair over and over under audited load.

  --model MODEL    ${pairModels.join(', ')} (default replicated)
  --failures N     how many (default 20)
  --faults A,B     of ${faultNames.join(', ')} (default: all but switch-over)
  --rate N         messages a second (default 500)
  --backlog N      persistent messages that lie in a queue meanwhile (default 0)
  --seed N         the same choice of faults and moments again
`;

export class UsageError extends Error {}

export interface CampaignOptions {
  model: PairModel;
  failures: number;
  faults: FaultName[];
  messagesPerSecond: number;
  backlog: number;
  seed: number;
}

/** Null when only help was asked for. Throws UsageError. */
export function campaignOptions(args: string[]): CampaignOptions | null {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        model: { type: 'string', default: 'replicated' },
        failures: { type: 'string', default: '20' },
        faults: { type: 'string' },
        rate: { type: 'string', default: '500' },
        backlog: { type: 'string', default: '0' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help) return null;
  return {
    model: oneOf('model', values.model, pairModels),
    failures: numberIn('failures', values.failures, 1, 100_000),
    faults:
      values.faults?.split(',').map((name) => oneOf('faults', name, faultNames)) ??
      faultNames.filter((name) => name !== 'switch-over'),
    messagesPerSecond: numberIn('rate', values.rate, 1, 50_000),
    backlog: numberIn('backlog', values.backlog, 0, 10_000_000),
    seed: numberIn('seed', values.seed, 0, 2 ** 32),
  };
}

function oneOf<Name extends string>(option: string, text: string, names: readonly Name[]): Name {
  const name = names.find((each) => each === text);
  if (name === undefined) throw new UsageError(`--${option}: '${text}' is not one of ${names.join(', ')}`);
  return name;
}

function numberIn(name: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new UsageError(`--${name}: '${text}' is not ${least} to ${most}`);
}
