// A report's throughput as a drawing: messages a second over the load, with its faults as lines across.
import type { LabReport } from '../../contract/lab.ts';
import { lanesOf, type Lane } from '../../contract/lab-lanes.ts';
import { escapeHtml } from './escape-html.ts';

const width = 900;
const height = 200;
const left = 72;
const laneHeight = 16;
const bottom = 24;
const top = 8;

export function throughputSvg({ throughput, faults, loadFrom, loadTo, events, clients }: LabReport): string {
  const { stepMs, sent, confirmed, delivered } = throughput;
  const perSecond = (counts: number[]) => counts.map((count) => (count * 1000) / stepMs);
  const series = [
    { name: 'sent', values: perSecond(sent) },
    { name: 'confirmed', values: perSecond(confirmed) },
    { name: 'delivered', values: perSecond(delivered) },
  ];
  const highest = roundUp(Math.max(1, ...series.flatMap(({ values }) => values)));
  const spanMs = Math.max(1, loadTo - loadFrom, sent.length * stepMs);
  const x = (ms: number) => left + (ms / spanMs) * (width - left);
  const y = (value: number) => top + (1 - value / highest) * (height - top - bottom);
  const lines = series.map(({ name, values }) => {
    const points = values.map(
      (value, step) => `${x((step + 0.5) * stepMs).toFixed(1)},${y(value).toFixed(1)}`,
    );
    return `<polyline class="line ${name}" points="${points.join(' ')}"/>`;
  });
  const names = clients.map(({ name }) => name);
  const [, ...lanes] = lanesOf(events, names, loadFrom, loadFrom + spanMs);
  const whole = height + lanes.length * laneHeight;
  const legend = series.map(({ name }) => `<span class="key ${name}">${name}</span>`).join(' ');
  return `<figure><svg viewBox="0 0 ${width} ${whole}" role="img" aria-label="Messages a second over the load, and who served and who was away">
${axis(highest, spanMs, x, y)}
${lines.join('\n')}
${faults.map(({ label, at }, index) => mark(label, x(at - loadFrom), index)).join('\n')}
${lanes.map((lane, index) => laneSvg(lane, height + index * laneHeight, (at) => x(at - loadFrom))).join('\n')}
</svg><figcaption>Messages a second: ${legend}. Below: <span class="key serves">serves</span> <span class="key up">is there</span> <span class="key away">gone, hanging or cut off</span></figcaption></figure>`;
}

/** To a figure that halves well: 1, 2, 4, 5, 8 or 10 of its power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5, 8, 10].find((step) => step * power >= value) ?? 10) * power;
}

function axis(
  highest: number,
  spanMs: number,
  x: (ms: number) => number,
  y: (value: number) => number,
): string {
  const values = [0, highest / 2, highest].map(
    (value) =>
      `<line class="grid" x1="${left}" x2="${width}" y1="${y(value)}" y2="${y(value)}"/><text x="${left - 6}" y="${y(value) + 4}" text-anchor="end">${Math.round(value)}</text>`,
  );
  const times = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const anchor = part === 0 ? 'start' : part === 1 ? 'end' : 'middle';
    return `<text x="${x(part * spanMs)}" y="${height - 6}" text-anchor="${anchor}">${((part * spanMs) / 1000).toFixed(1)} s</text>`;
  });
  return [...values, ...times].join('\n');
}

function laneSvg({ name, bars }: Lane, y: number, x: (at: number) => number): string {
  const parts = bars.map(
    ({ from, to, kind }) =>
      `<rect class="${kind}" x="${x(from).toFixed(1)}" y="${y + 3}" width="${Math.max(1, x(to) - x(from)).toFixed(1)}" height="9"/>`,
  );
  return `<text x="${left - 6}" y="${y + 11}" text-anchor="end">${escapeHtml(name)}</text>${parts.join('')}`;
}

/** Labels of neighbours on lines of their own. */
function mark(label: string, at: number, index: number): string {
  const atEdge = at > width - 120;
  const place = atEdge ? `x="${at - 5}" text-anchor="end"` : `x="${at + 5}"`;
  return `<line class="mark" x1="${at}" x2="${at}" y1="${top}" y2="${height - bottom}"/><text class="mark" ${place} y="${top + 10 + (index % 4) * 14}">${escapeHtml(label)}</text>`;
}
