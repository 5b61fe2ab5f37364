// Text for a terminal: aligned tables, and colours where somebody looks.

export interface Column {
  title: string;
  /** Numbers stand to the right. */
  align?: 'left' | 'right';
}

export type Paint = (style: Style, text: string) => string;
export type Style = 'strong' | 'quiet' | 'good' | 'bad' | 'notice';

const codes: Record<Style, [number, number]> = {
  strong: [1, 22],
  quiet: [2, 22],
  good: [32, 39],
  bad: [31, 39],
  notice: [33, 39],
};

/** Colours on a terminal that wants them, plain text elsewhere. */
export function paintFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Paint {
  const coloured = stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return (style, text) => (coloured ? `\u001b[${codes[style][0]}m${text}\u001b[${codes[style][1]}m` : text);
}

/** Lines with every column as wide as its widest cell. */
export function textTable(columns: Column[], rows: string[][]): string[] {
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => (row[index] ?? '').length)),
  );
  const line = (cells: string[]) =>
    cells
      .map((cell, index) =>
        columns[index]!.align === 'right' ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!),
      )
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}
