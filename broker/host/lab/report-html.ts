// Reports as one page that needs nothing else: no script, no file, no address. Everything that came from a run is
// escaped. Light and dark as the reader's system says; prints on paper.
import {
  scenarioWords,
  type LabClient,
  type LabEvent,
  type LabFault,
  type LabReport,
  type LabWindow,
} from '../../contract/lab.ts';
import {
  ackWords,
  closesText,
  gapText,
  outageText,
  runName,
  summariesOf,
  verdictRows,
  type VerdictRow,
} from '../../contract/lab-words.ts';
import { escapeHtml } from './escape-html.ts';
import { throughputSvg } from './report-chart.ts';
import { reportStyle } from './report-style.ts';

const grouped = new Intl.NumberFormat('en');

/** At least one; several are put side by side first. */
export function reportHtml(reports: LabReport[]): string {
  const title =
    reports.length === 1 ? `Warren lab: ${runName(reports[0]!)}` : `Warren lab: ${reports.length} runs`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>${reportStyle}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${reports.length > 1 ? summary(reports) : ''}
${reports.length > 1 && reports.length <= columnsMax ? comparison(reports) : ''}
${reports.map(reportSection).join('\n')}
</main>
</body>
</html>
`;
}

/** More runs than these are told of by their kind only, and each by itself below. */
const columnsMax = 6;

function summary(reports: LabReport[]): string {
  const rows = summariesOf(reports).map(
    (each) =>
      `<tr><th scope="row">${escapeHtml(each.name)}</th><td>${each.runs}</td><td>${grouped.format(each.confirmed)}</td><td${each.broken > 0 ? ' class="bad"' : ''}>${grouped.format(each.lost)}</td><td>${grouped.format(each.held)}</td><td>${grouped.format(each.duplicated)}</td><td>${outageText(each.producers)}</td><td>${outageText(each.consumers)}</td></tr>`,
  );
  const heads = [
    'Runs',
    'Confirmed',
    'Lost',
    'Held',
    'Duplicated',
    'Unavailable for producers',
    'for consumers',
  ];
  return `<section>
<h2>By kind of nodes</h2>
<div class="scroll"><table>
<thead><tr><td></td>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead>
<tbody>${rows.join('\n')}</tbody>
</table></div>
<p><small>Outages: the median of the runs, and the longest.</small></p>
</section>`;
}

function comparison(reports: LabReport[]): string {
  const head = reports.map((report) => `<th scope="col">${escapeHtml(runName(report))}</th>`).join('');
  const rows = verdictRows.map((row) => verdictRow(row, reports));
  return `<section>
<h2>Side by side</h2>
<div class="scroll"><table>
<thead><tr><td></td>${head}</tr></thead>
<tbody>${rows.join('\n')}</tbody>
</table></div>
</section>`;
}

function verdictRow({ label, note, text, bad }: VerdictRow, reports: LabReport[]): string {
  const cells = reports.map(
    ({ verdict }) => `<td${bad?.(verdict) ? ' class="bad"' : ''}>${escapeHtml(text(verdict))}</td>`,
  );
  const small = note === '' ? '' : ` <small>${escapeHtml(note)}</small>`;
  return `<tr><th scope="row">${escapeHtml(label)}${small}</th>${cells.join('')}</tr>`;
}

function reportSection(report: LabReport): string {
  const { verdict, problems } = report;
  const rows = verdictRows.map((row) => verdictRow(row, [report]));
  const lost = verdict.lostNames.length > 0 ? `<p>Lost: ${escapeHtml(verdict.lostNames.join(', '))}</p>` : '';
  return `<article>
<h2>${escapeHtml(runName(report))}</h2>
<p class="headline ${verdict.promise}">${escapeHtml(verdict.headline)}</p>
${lost}
${problems.map((problem) => `<p class="problem">${escapeHtml(problem)}</p>`).join('')}
${settingsList(report)}
<h3>Throughput</h3>
${throughputSvg(report)}
<div class="columns">
<div><h3>Every message</h3><table><tbody>${rows.join('\n')}</tbody></table></div>
<div><h3>Faults</h3>${faultTable(report.faults)}</div>
</div>
<h3>Each client’s own view</h3>
<div class="scroll">${clientTable(report.clients)}</div>
<h3>Time line</h3>
${timeLine(report)}
</article>`;
}

function settingsList(report: LabReport): string {
  const { settings } = report;
  const facts: [string, string][] = [
    ['When', new Date(report.startedAt).toISOString()],
    ['With', `Warren ${report.product} on ${report.platform}`],
    ['Scenario', scenarioWords[settings.scenario].name],
    [
      'Load',
      `${grouped.format(settings.messagesPerSecond)} messages a second of ${grouped.format(settings.bodyBytes)} bytes for ${settings.seconds} s`,
    ],
    [
      'Clients',
      `${settings.producers} producers, ${settings.consumers} consumers, prefetch ${settings.prefetch}, acknowledging ${ackWords[settings.ack]}`,
    ],
    [
      'Messages',
      `${settings.persistent ? 'persistent' : 'transient'}, ${settings.confirms ? 'with publisher confirms' : 'without confirms'}`,
    ],
    ['Script', settings.script.trim() === '' ? 'no fault' : settings.script.trim()],
  ];
  return `<dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`).join('\n')}</dl>`;
}

function faultTable(faults: LabFault[]): string {
  if (faults.length === 0) return '<p>None.</p>';
  const rows = faults.map(({ label, at, problem, producers, consumers }) => {
    const name = problem === null ? escapeHtml(label) : `${escapeHtml(label)}: ${escapeHtml(problem)}`;
    return `<tr><td>${timeOf(at)}</td><td class="text">${name}</td><td>${windowText(producers)}</td><td>${windowText(consumers)}</td></tr>`;
  });
  return `<table><thead><tr><th scope="col">At</th><th scope="col" class="text">What</th><th scope="col">Producers without confirms</th><th scope="col">Consumers without deliveries</th></tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

const windowText = ({ durationMs }: LabWindow) => gapText(durationMs);

function clientTable(clients: LabClient[]): string {
  const columns: [string, (client: LabClient) => string][] = [
    ['Sent', ({ sent }) => grouped.format(sent)],
    ['Confirmed', ({ confirmed }) => grouped.format(confirmed)],
    ['Unresolved', ({ unresolved }) => grouped.format(unresolved)],
    ['Received', ({ received }) => grouped.format(received)],
    ['Acked', ({ acked }) => grouped.format(acked)],
    ['Redelivered', ({ redelivered }) => grouped.format(redelivered)],
    ['Duplicated', ({ duplicated }) => grouped.format(duplicated)],
    ['Connects', ({ connects }) => grouped.format(connects)],
    ['Cancelled', ({ cancels }) => grouped.format(cancels)],
    ['Closed with', ({ closes }) => closesText(closes)],
    ['Reconnected in', ({ reconnectMs }) => (reconnectMs === null ? '–' : gapText(reconnectMs))],
  ];
  const head = columns.map(([label]) => `<th scope="col">${label}</th>`).join('');
  const rows = clients.map(
    (client) =>
      `<tr><th scope="row">${escapeHtml(client.name)}</th>${columns.map(([, of]) => `<td>${escapeHtml(of(client))}</td>`).join('')}</tr>`,
  );
  return `<table><thead><tr><td></td>${head}</tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

function timeLine({ events, eventsDropped, loadFrom }: LabReport): string {
  const items = events.map((event) => eventItem(event, loadFrom));
  const more = eventsDropped > 0 ? `<p>${grouped.format(eventsDropped)} more events were not kept.</p>` : '';
  return `<table class="events"><thead><tr><th scope="col">From the start</th><th scope="col">Time (UTC)</th><th scope="col" class="text">Who</th><th scope="col" class="text">What</th></tr></thead><tbody>${items.join('\n')}</tbody></table>${more}`;
}

function eventItem({ at, nodeAt, source, level, message }: LabEvent, from: number): string {
  const own = nodeAt === null ? '' : ` <small>own clock ${timeOf(nodeAt)}</small>`;
  const since = `${((at - from) / 1000).toFixed(3)} s`;
  return `<tr class="${level}"><td>${since}</td><td>${timeOf(at)}${own}</td><td class="text">${escapeHtml(source)}</td><td class="text">${escapeHtml(message)}</td></tr>`;
}

const timeOf = (at: number) => new Date(at).toISOString().slice(11, 23);
