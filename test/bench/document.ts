// `npm run bench:document -- FILE`: puts what a run wrote as JSON into docs/performance.md, between its markers.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { columns, linesOf, type Report } from './report.ts';

const page = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const begin = '<!-- figures: npm run bench:document -->';
const end = '<!-- end of figures -->';

function figuresOf({ machine, command, seconds, repeats, measured }: Report): string {
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const titles = measured.map(({ row: { name, title } }) => `- \`${name}\`: ${title}`);
  return [
    `Measured with \`${command}\`, ${repeats} runs of each by turns, ${seconds} s each, on ${machine.cores} cores`,
    `(${machine.processor}), Node ${machine.node}.`,
    '',
    row(columns),
    row(columns.map(() => '---')),
    ...measured.flatMap(linesOf).map(row),
    '',
    ...titles,
  ].join('\n');
}

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('Usage: npm run bench:document -- FILE (what npm run bench -- --json FILE wrote)');
  process.exit(2);
}
const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
const text = readFileSync(page, 'utf8');
const [from, to] = [text.indexOf(begin), text.indexOf(end)];
if (from < 0 || to < from) throw new Error(`${page} has no place for figures`);
const written = `${text.slice(0, from)}${begin}\n\n${figuresOf(report)}\n\n${text.slice(to)}`;
writeFileSync(page, await format(written, { ...(await resolveConfig(page)), parser: 'markdown' }));
console.log(`${page}: ${report.measured.length} rows`);
