// How a time chart is drawn: uPlot's options from what a chart shows and the theme's colours.
import type uPlot from 'uplot';
import { clockTime } from './format.ts';

export interface Mark {
  at: number;
  label: string;
}

export interface PlotLook {
  width: number;
  height: number;
  labels: string[];
  /** By the number of the series, from 1. */
  colour: (name: string) => string;
  font: string;
  format: (value: number) => string;
  /** Steps of the value axis: powers of two for bytes, whole numbers for what is counted. */
  steps: 'binary' | 'whole' | 'any';
  /** Unix seconds shown, asked for on every drawing. */
  span: () => [number, number];
  marks: () => Mark[];
  hovered: (index: number | null) => void;
  brushed: (from: number, to: number) => void;
}

/** Series differ by dash as well as by colour. */
export const dashes = [[], [6, 3], [2, 3], [8, 3, 2, 3], [1, 2]];

const powersOfTwo = Array.from({ length: 45 }, (_, exponent) => 2 ** exponent);
const wholeSteps = Array.from(
  { length: 36 },
  (_, index) => [1, 2, 5][index % 3]! * 10 ** Math.floor(index / 3),
);
const increments = { binary: { incrs: powersOfTwo }, whole: { incrs: wholeSteps }, any: {} };
const syncKey = 'time';

export function plotOptions(look: PlotLook): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: look.colour('--text-quiet'),
    font: look.font,
    grid: { stroke: look.colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: look.width,
    height: look.height,
    padding: [8, 24, 0, 0],
    legend: { show: false },
    cursor: {
      points: { size: 7, width: 2 },
      drag: { x: true, y: false, setScale: false },
      sync: { key: syncKey },
    },
    select: { show: true, left: 0, top: 0, width: 0, height: 0 },
    scales: {
      x: { range: () => look.span() },
      y: { range: (_plot, _low, high) => [0, Math.max(high * 1.12, look.steps === 'binary' ? 1024 : 1)] },
    },
    axes: [
      {
        ...axis,
        space: 90,
        size: 26,
        gap: 4,
        grid: { show: false },
        values: (_plot, splits) => splits.map((each) => clockTime(each * 1000)),
      },
      {
        ...axis,
        space: 34,
        size: 66,
        gap: 6,
        ...increments[look.steps],
        values: (_plot, splits) => splits.map(look.format),
      },
    ],
    series: [
      {},
      ...look.labels.map((label, index) => ({
        label,
        stroke: look.colour(`--series-${index + 1}`),
        width: 1.75,
        dash: dashes[index],
        points: { show: false },
      })),
    ],
    hooks: {
      setCursor: [(plot) => look.hovered(plot.cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width > 4) look.brushed(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'));
          if (width > 0) plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
      draw: [(plot) => drawMarks(plot, look)],
    },
  };
}

/** What happened to the broker, as lines across the chart. */
function drawMarks(plot: uPlot, look: PlotLook): void {
  const { ctx, bbox } = plot;
  const [from, to] = look.span();
  ctx.save();
  ctx.strokeStyle = look.colour('--warn');
  ctx.fillStyle = look.colour('--warn');
  ctx.font = look.font;
  ctx.setLineDash([3, 3]);
  // A label that would run into the last one of its line goes a line lower.
  const lineEnds: number[] = [];
  for (const { at, label } of look.marks()) {
    if (at / 1000 < from || at / 1000 > to) continue;
    const x = Math.round(plot.valToPos(at / 1000, 'x', true)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const { width } = ctx.measureText(label);
    const atEdge = x + width + 8 > bbox.left + bbox.width;
    const start = atEdge ? x - 5 - width : x + 5;
    const free = lineEnds.findIndex((end) => end < start);
    const line = free < 0 ? lineEnds.length : free;
    lineEnds[line] = start + width + 8;
    ctx.textAlign = 'left';
    ctx.fillText(label, start, bbox.top + 11 + line * 14);
  }
  ctx.restore();
}
