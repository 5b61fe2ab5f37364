// The `warren` command's options. Parsing only: what they mean is the caller's matter.
import { parseArgs } from 'node:util';
import { pairModels, type PairModel } from '../contract/host-procedures.ts';
import {
  alonePolicies,
  pairSettingLimits,
  replicationModes,
  type PairNumber,
  type PairSettings,
} from '../contract/pair-settings.ts';
import { defaultDataFolder } from './data-folder.ts';

export interface CommandLine {
  help: boolean;
  version: boolean;
  port: number;
  consolePort: number;
  dataFolder: string;
  pair: PairModel | null;
  /** What was named on the command line; the rest is as it was. */
  pairSettings: Partial<PairSettings>;
  confirmMode: ConfirmMode;
}

/** What a publisher confirm promises of a persistent message: on the disk, or in the system's page cache only. */
const confirmModes = ['synced', 'written'] as const;
export type ConfirmMode = (typeof confirmModes)[number];

export class UsageError extends Error {
  override name = 'UsageError';
}

const defaultAmqpPort = 5672;
const defaultConsolePort = 15_672;

export const exitCodes = {
  stopped: 0,
  failed: 1,
  usage: 2,
  portTaken: 3,
  dataFolderInUse: 4,
} as const;

export const helpText = `Usage: warren [options]
       warren front ...
       warren lab ...

Runs an AMQP 0-9-1 broker and its console until Ctrl-C; \`warren front\` relays
clients to brokers that run elsewhere (\`warren front --help\`), and \`warren lab\`
breaks a pair on purpose and audits every message (\`warren lab --help\`).

Options:
  --port N           AMQP port of the broker (default ${defaultAmqpPort})
  --console-port N   port of the console and of the HTTP API (default ${defaultConsolePort})
  --data FOLDER      where definitions and messages are kept
                     (default ${defaultDataFolder()})
  --pair MODEL       start an active/standby pair; MODEL is independent,
                     shared-store or replicated
  --replication M    a confirm of a replicated pair waits for both disks (sync)
                     or for the active's only (async)
  --when-alone P     without its standby the active of a replicated pair
                     confirms alone (available) or holds publishers (strict)
  --pair-setting N=V a number of the pair's settings, such as hungAfterMs=3000;
                     may be given more than once, and is kept. One of
${settingNames()}
  --confirm-mode M   when a persistent message is confirmed: synced (default),
                     once it is on the disk (fdatasync), or written, once the
                     system has it: a power failure may lose confirmed messages
  --version          print the version
  --help             print this text

Exit codes:
  0  stopped by Ctrl-C or SIGTERM
  1  the broker could not start or run
  2  the command line is wrong
  3  a port is taken
  4  the data folder is in use by another process
`;

/** Throws UsageError. */
export function parseCommandLine(args: string[]): CommandLine {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        version: { type: 'boolean', short: 'v', default: false },
        port: { type: 'string', short: 'p' },
        'console-port': { type: 'string' },
        data: { type: 'string', short: 'd' },
        pair: { type: 'string' },
        'confirm-mode': { type: 'string', default: 'synced' },
        replication: { type: 'string' },
        'when-alone': { type: 'string' },
        'pair-setting': { type: 'string', multiple: true, default: [] },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const pair = values.pair ?? null;
  if (pair !== null && !(pairModels as readonly string[]).includes(pair))
    throw new UsageError(`--pair: '${pair}' is not one of ${pairModels.join(', ')}`);
  const confirmMode = confirmModes.find((mode) => mode === values['confirm-mode']);
  if (!confirmMode)
    throw new UsageError(
      `--confirm-mode: '${values['confirm-mode']}' is not one of ${confirmModes.join(', ')}`,
    );
  if (values.data === '') throw new UsageError('--data: the folder is empty');
  return {
    help: values.help,
    version: values.version,
    port: portOf('--port', values.port, defaultAmqpPort),
    consolePort: portOf('--console-port', values['console-port'], defaultConsolePort),
    dataFolder: values.data ?? defaultDataFolder(),
    pair: pair as PairModel | null,
    pairSettings: {
      ...oneOf('--replication', 'replication', values.replication, replicationModes),
      ...oneOf('--when-alone', 'whenAlone', values['when-alone'], alonePolicies),
      ...Object.fromEntries(values['pair-setting'].map(pairSettingOf)),
    },
    confirmMode,
  };
}

function settingNames(): string {
  const names = Object.entries(pairSettingLimits);
  return names.map(([name, { least, most }]) => `${' '.repeat(21)}${name} (${least} to ${most})`).join('\n');
}

function oneOf<Name extends string, Value extends string>(
  option: string,
  name: Name,
  text: string | undefined,
  values: readonly Value[],
): Partial<Record<Name, Value>> {
  if (text === undefined) return {};
  const value = values.find((each) => each === text);
  if (value === undefined) throw new UsageError(`${option}: '${text}' is not one of ${values.join(', ')}`);
  return { [name]: value } as Record<Name, Value>;
}

function pairSettingOf(text: string): [PairNumber, number] {
  const [name = '', value = ''] = text.split('=');
  if (!Object.hasOwn(pairSettingLimits, name))
    throw new UsageError(`--pair-setting: there is no setting '${name}'`);
  const { least, most } = pairSettingLimits[name as PairNumber];
  const number = /^\d+$/.test(value) ? Number(value) : NaN;
  if (!(number >= least && number <= most))
    throw new UsageError(`--pair-setting: ${name} is a number from ${least} to ${most}, not '${value}'`);
  return [name as PairNumber, number];
}

function portOf(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const port = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(port >= 1 && port <= 65_535)) throw new UsageError(`${option}: '${text}' is not a port (1 to 65535)`);
  return port;
}
