// `warren lab`: runs of the lab without a console, on pairs made for them. Exits 1 when a promise was broken, so that
// it can stand in a build.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import {
  ackModes,
  defaultLabSettings,
  labScenarios,
  labSettingsSchema,
  type LabReport,
  type LabSettings,
} from '../../contract/lab.ts';
import { parseScript, ScriptError } from '../../contract/lab-script.ts';
import { outageText, runName, summariesOf } from '../../contract/lab-words.ts';
import { pairModels, type PairModel } from '../../contract/pair-models.ts';
import { exitCodes, UsageError } from '../command-line.ts';
import { LabRunner } from './lab-runner.ts';
import type { MakeHost } from './lab-target.ts';
import { reportHtml } from './report-html.ts';
import type { NodeSpawner } from '../node-spawner.ts';

export const labHelp = `Usage: warren lab [options]

Runs real clients through the front address of a pair made for the run, breaks
it on purpose, and says what became of every message.

Options:
  --model MODEL       ${pairModels.join(', ')} or all; may be
                      given several times (default replicated)
  --scenario NAME     ${labScenarios.slice(0, 3).join(', ')},
                      ${labScenarios.slice(3).join(', ')}
                      (default ${defaultLabSettings.scenario})
  --script TEXT       what is done and when, lines ended by ';':
                      '+5s kill active; +8s switch-over' (default '${defaultLabSettings.script}')
  --script-file FILE  the same, a line each
  --seconds N         how long producers make messages (default ${defaultLabSettings.seconds})
  --rate N            messages a second, of all producers (default ${defaultLabSettings.messagesPerSecond})
  --size BYTES        of a body (default ${defaultLabSettings.bodyBytes})
  --producers N       (default ${defaultLabSettings.producers})
  --consumers N       (default ${defaultLabSettings.consumers})
  --prefetch N        (default ${defaultLabSettings.prefetch})
  --ack MODE          ${ackModes.join(', ')} (default ${defaultLabSettings.ack})
  --transient         messages are not persistent
  --no-confirms       producers ask for no confirms
  --repeat N          runs of each model (default 1)
  --report FILE       a page (.html) or the figures (.json); may be given twice
  --folder FOLDER     where the pairs live while they run (default: the system's
                      folder for temporary files)
  --help              print this text

Exit codes:
  0  nothing that was promised is lost
  1  a confirmed persistent message was lost, or a run could not be done
  2  the command line is wrong
`;

export interface LabCommand {
  help: boolean;
  settings: LabSettings;
  reports: string[];
  folder: string | null;
}

export interface LabParts {
  makeHost: MakeHost;
  spawner: NodeSpawner;
  product: string;
}

/** Throws UsageError. */
export function parseLabCommand(args: string[]): LabCommand {
  const values = valuesOf(args);
  const number = (option: string, text: string | undefined, otherwise: number) => {
    if (text === undefined) return otherwise;
    if (!/^\d+$/.test(text)) throw new UsageError(`--${option}: '${text}' is no whole number`);
    return Number(text);
  };
  const wanted = {
    scenario: values.scenario ?? defaultLabSettings.scenario,
    producers: number('producers', values.producers, defaultLabSettings.producers),
    consumers: number('consumers', values.consumers, defaultLabSettings.consumers),
    messagesPerSecond: number('rate', values.rate, defaultLabSettings.messagesPerSecond),
    bodyBytes: number('size', values.size, defaultLabSettings.bodyBytes),
    persistent: !values.transient,
    confirms: !values['no-confirms'],
    prefetch: number('prefetch', values.prefetch, defaultLabSettings.prefetch),
    ack: values.ack ?? defaultLabSettings.ack,
    seconds: number('seconds', values.seconds, defaultLabSettings.seconds),
    script: scriptOf(values.script, values['script-file']),
    repeat: number('repeat', values.repeat, 1),
    pairs: modelsOf(values.model ?? ['replicated']),
  };
  const reports = values.report ?? [];
  for (const file of reports)
    if (!/\.(html|json)$/.test(file)) throw new UsageError(`--report: '${file}' is neither .html nor .json`);
  return {
    help: values.help ?? false,
    settings: checked(wanted),
    reports,
    folder: values.folder ?? null,
  };
}

/** Resolves with the exit code. */
export async function runLab(args: string[], parts: LabParts): Promise<number> {
  const { help, settings, reports, folder } = parseLabCommand(args);
  if (help) {
    process.stdout.write(labHelp);
    return exitCodes.stopped;
  }
  const place = await mkdtemp(join(resolve(folder ?? tmpdir()), 'warren-lab-'));
  const runner = new LabRunner({ ...parts, folder: place, own: null });
  const stop = () => void runner.stop().catch(() => undefined);
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    return await runSeries(runner, settings, reports);
  } finally {
    await rm(place, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function runSeries(runner: LabRunner, settings: LabSettings, files: string[]): Promise<number> {
  const planned = settings.pairs.length * settings.repeat;
  console.log(`${planned} ${planned === 1 ? 'run' : 'runs'} of ${settings.seconds} s each`);
  runner.onReport = (report) => console.log(`${runName(report)}: ${report.verdict.headline}`);
  runner.start(settings, { user: 'guest', password: 'guest' });
  const reports = await runner.ended();
  if (settings.repeat > 1)
    for (const { name, runs, lost, confirmed, producers, consumers } of summariesOf(reports))
      console.log(
        `${name}, ${runs} runs: ${lost} of ${confirmed} confirmed messages lost; producers ${outageText(producers)}; consumers ${outageText(consumers)}`,
      );
  if (reports.length > 0) for (const file of files) await write(file, reports);
  const problems = reports.flatMap((report) =>
    report.problems.map((problem) => `${runName(report)}: ${problem}`),
  );
  for (const problem of problems) console.error(`warren lab: ${problem}`);
  if (reports.length < planned) console.error('warren lab: ended before its last run');
  const broken = reports.some(({ verdict }) => verdict.promise === 'broken');
  return broken || reports.length < planned ? exitCodes.failed : exitCodes.stopped;
}

async function write(file: string, reports: LabReport[]): Promise<void> {
  const text = file.endsWith('.html') ? reportHtml(reports) : `${JSON.stringify(reports, null, 2)}\n`;
  await writeFile(file, text);
  console.log(`report: ${resolve(file)}`);
}

function valuesOf(args: string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args,
      options: {
        help: { type: 'boolean', short: 'h' },
        model: { type: 'string', multiple: true },
        scenario: text,
        script: text,
        'script-file': text,
        seconds: text,
        rate: text,
        size: text,
        producers: text,
        consumers: text,
        prefetch: text,
        ack: text,
        transient: { type: 'boolean' },
        'no-confirms': { type: 'boolean' },
        repeat: text,
        report: { type: 'string', multiple: true },
        folder: text,
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function modelsOf(given: string[]): PairModel[] {
  for (const model of given)
    if (model !== 'all' && !(pairModels as readonly string[]).includes(model))
      throw new UsageError(`--model: '${model}' is not one of ${pairModels.join(', ')}, all`);
  return pairModels.filter((model) => given.includes('all') || given.includes(model));
}

function scriptOf(text: string | undefined, file: string | undefined): string {
  if (text !== undefined && file !== undefined)
    throw new UsageError('--script and --script-file: one of them');
  if (text !== undefined) return text.replaceAll(/\s*;\s*/g, '\n');
  if (file === undefined) return defaultLabSettings.script;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--script-file: ${(error as Error).message}`);
  }
}

function checked(wanted: unknown): LabSettings {
  const parsed = v.safeParse(labSettingsSchema, wanted);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new UsageError(`${v.getDotPath(issue)}: ${issue.message}`);
  }
  try {
    parseScript(parsed.output.script, parsed.output.seconds);
  } catch (error) {
    throw error instanceof ScriptError ? new UsageError(`--script: ${error.message}`) : error;
  }
  return parsed.output;
}
