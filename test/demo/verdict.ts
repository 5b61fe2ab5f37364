// What the demo shows of a run, and whether it was as the pair's model promises. Figures in, lines out.
import type { PairEvent, PairStatus } from '../../broker/contract/host-procedures.ts';
import type { AuditReport, UnavailabilityWindow } from '../../broker/lab/audit.ts';
import { consumerName } from './demo-client.ts';
import { textTable, type Column } from './text-table.ts';

/** Longer than this without a confirm is not a takeover, it is an outage. */
const outageMaxMs = 2000;

export interface DemoRun {
  clients: { name: string; confirms: boolean }[];
  report: AuditReport;
  /** Killed while it was active. */
  killed: 'a' | 'b';
  killedAt: number;
  startedAt: number;
  status: PairStatus;
  events: PairEvent[];
  /** Read from the killed node when it was back. */
  found: { queue: string; messages: number }[];
  /** Named as the audit's producers are, without a consumer: its messages stay where they are. */
  backlog: string;
}

export interface Expectation {
  text: string;
  held: boolean;
}

export function clientTable({ clients, report, backlog }: DemoRun): string[] {
  const right = (title: string): Column => ({ title, align: 'right' });
  const columns = [
    { title: 'client' },
    ...[
      'published',
      'confirmed',
      'received',
      'duplicated',
      'reordered',
      'unresolved',
      'stranded',
      'lost',
    ].map(right),
    ...['reconnect ms', 'publish gap ms', 'consume gap ms'].map(right),
  ];
  const rows = [...clients, { name: backlog, confirms: true }].map(({ name, confirms }) => {
    const produced = report.producers.find(({ client }) => client === name);
    const consumed = report.consumers.find(({ client }) => client === consumerName(name));
    const cell = (value: number | null | undefined) =>
      value === null || value === undefined ? '-' : `${value}`;
    return [
      name,
      cell(produced?.published),
      confirms ? cell(produced?.confirmed) : '-',
      cell(consumed?.received),
      cell(consumed?.duplicated),
      cell(consumed?.reordered),
      confirms ? cell(produced?.unresolved) : '-',
      cell(produced?.held),
      cell(produced?.lost),
      cell(later(produced?.reconnectMs, consumed?.reconnectMs)),
      confirms && name !== backlog ? gap(produced?.windows) : '-',
      gap(consumed?.windows),
    ];
  });
  return textTable(columns, rows);
}

export function strandedTable({ status, found, killed }: DemoRun): string[] {
  const shown = status.stranded.filter(({ nodeId }) => nodeId === killed);
  return textTable(
    [
      { title: 'queue' },
      { title: 'shown by the pair', align: 'right' },
      { title: 'found on the node', align: 'right' },
    ],
    [...new Set([...shown, ...found].map(({ queue }) => queue))]
      .sort()
      .map((queue) => [
        queue,
        String(shown.find((each) => each.queue === queue)?.messages ?? 0),
        String(found.find((each) => each.queue === queue)?.messages ?? 0),
      ]),
  );
}

export function timeline({ events, startedAt, report }: DemoRun): string[] {
  const { faultAt, from, to } = report.producerWindows[0]!;
  const marks = [
    ...events.map(({ at, nodeId, message }) => ({
      at,
      who: nodeId ? `node ${nodeId}` : 'pair',
      what: message,
    })),
    { at: faultAt, who: 'demo', what: 'SIGKILL to the active node' },
    ...(from === null ? [] : [{ at: from, who: 'clients', what: 'last confirm before' }]),
    ...(to === null ? [] : [{ at: to, who: 'clients', what: 'first confirm after' }]),
  ].sort((a, b) => a.at - b.at);
  const seconds = (at: number) => ((at - startedAt) / 1000).toFixed(3);
  return textTable(
    [{ title: 'seconds', align: 'right' }, { title: 'who' }, { title: 'what' }],
    marks.map(({ at, who, what }) => [seconds(at), who, what]),
  );
}

/** The outage in words: what clients saw, and what the pair measured itself. */
export function outageLine({ report, status }: DemoRun): string {
  const words = (window: UnavailabilityWindow | undefined) =>
    window?.durationMs === null || window === undefined ? 'never again' : `${window.durationMs} ms`;
  return `no confirm for ${words(report.producerWindows[0])}, no delivery for ${words(report.consumerWindows[0])}; the front address had no holder for ${status.lastOutageMs ?? '-'} ms`;
}

export function expectations(run: DemoRun): Expectation[] {
  const { report, status, killed, found } = run;
  const confirmed = report.producers.reduce((sum, each) => sum + each.confirmed, 0);
  const held = report.producers.reduce((sum, each) => sum + each.held, 0);
  const outageMs = report.producerWindows[0]?.durationMs ?? null;
  const shown = status.stranded
    .filter(({ nodeId }) => nodeId === killed)
    .reduce((sum, { messages }) => sum + messages, 0);
  const foundTotal = found.reduce((sum, { messages }) => sum + messages, 0);
  const silent = run.clients.filter(({ name }) => !cameBack(run, name)).map(({ name }) => name);
  return [
    {
      text: `of ${confirmed} confirmed messages ${report.lost} are lost; ${held} are stranded on node ${killed}, none of them gone`,
      held: report.lost === 0,
    },
    {
      text: `the pair shows the ${foundTotal} messages that node ${killed} holds (shown: ${shown})`,
      held: shown === foundTotal,
    },
    {
      text: `the standby took the front address over: ${outageMs ?? '-'} ms without a confirm (at most ${outageMaxMs})`,
      held: status.activeId !== killed && outageMs !== null && outageMs <= outageMaxMs,
    },
    {
      text:
        silent.length === 0
          ? `all ${run.clients.length} clients came back and went on`
          : `${silent.join(', ')} did not come back`,
      held: silent.length === 0,
    },
    {
      text: `node ${killed} came back as standby, its definitions in sync`,
      held: status.state === 'ready' && status.definitionsInSync && status.activeId !== killed,
    },
  ];
}

function cameBack({ report, killedAt }: DemoRun, name: string): boolean {
  const produced = report.producers.find(({ client }) => client === name);
  const consumed = report.consumers.find(({ client }) => client === consumerName(name));
  const after = (windows: UnavailabilityWindow[] | undefined) => {
    const to = windows?.[0]?.to ?? null;
    return to !== null && to > killedAt;
  };
  const noConfirms = produced !== undefined && produced.confirmed === 0;
  return (noConfirms || after(produced?.windows)) && after(consumed?.windows);
}

function later(...values: (number | null | undefined)[]): number | null {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length > 0 ? Math.max(...known) : null;
}

function gap(windows: UnavailabilityWindow[] | undefined): string {
  const window = windows?.[0];
  if (!window || window.from === null) return '-';
  return window.durationMs === null ? 'open' : String(window.durationMs);
}
