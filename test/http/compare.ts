// Whether Warren's answers hold all that RabbitMQ's hold. Warren may say more; what it leaves out is named in omitted.md.
import { readFileSync } from 'node:fs';
import type { Answer } from './http-script.ts';

/** Names of fields, wherever they stand, that Warren leaves out for a reason. */
function omittedFields(): Set<string> {
  return new Set(listed('omitted.md', /^- `(.+?)`: /gm));
}

/** Requests, as `talk: METHOD path`, that are answered differently for a reason. */
export function deviatingRequests(): Set<string> {
  return new Set(listed('deviations.md', /^- `(.+?)`: /gm));
}

function listed(file: string, pattern: RegExp): string[] {
  const text = readFileSync(new URL(`./${file}`, import.meta.url), 'utf8');
  return [...text.matchAll(pattern)].map((match) => match[1]!);
}

/** One line for each thing that differs, empty when nothing does. */
function differences(theirs: Answer, ours: Answer | undefined, omitted: ReadonlySet<string>): string[] {
  if (!ours || theirs.request !== ours.request) return [`asked ${ours?.request ?? 'nothing'}`];
  if (theirs.status !== ours.status)
    return [`status ${theirs.status}, not ${ours.status}: ${text(theirs.body)}, not ${text(ours.body)}`];
  const found: string[] = [];
  lacking(theirs.body, ours.body, '', omitted, found);
  return found;
}

function lacking(
  theirs: unknown,
  ours: unknown,
  path: string,
  omitted: ReadonlySet<string>,
  found: string[],
): void {
  if (Array.isArray(theirs) && Array.isArray(ours)) {
    if (theirs.length !== ours.length)
      found.push(`${path}: ${theirs.length} items, not ${ours.length}: ${text(theirs)}, not ${text(ours)}`);
    else
      for (const [index, item] of theirs.entries())
        lacking(item, ours[index], `${path}[${index}]`, omitted, found);
  } else if (isObject(theirs) && isObject(ours)) {
    for (const [name, value] of Object.entries(theirs)) {
      if (omitted.has(name)) continue;
      if (name in ours) lacking(value, ours[name], `${path}.${name}`, omitted, found);
      else found.push(`${path}.${name} is missing: ${text(value)}`);
    }
  } else if (theirs !== ours) found.push(`${path}: ${text(theirs)}, not ${text(ours)}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  const json = JSON.stringify(value) ?? 'nothing';
  return json.length > 200 ? `${json.slice(0, 200)}...` : json;
}

/** What differs in one talk: lines of what deviations.md does not name, and the requests that differ and that it names. */
export function compareTalk(
  name: string,
  theirs: readonly Answer[],
  ours: readonly Answer[],
): { unlisted: string[]; listed: string[] } {
  const [omitted, deviating] = [omittedFields(), deviatingRequests()];
  const [unlisted, listed]: [string[], string[]] = [[], []];
  for (let i = 0; i < Math.max(theirs.length, ours.length); i++) {
    const expected = theirs[i];
    const found = expected ? differences(expected, ours[i], omitted) : ['RabbitMQ was asked nothing'];
    const request = `${name}: ${(expected ?? ours[i])!.request}`;
    if (found.length === 0) continue;
    if (deviating.has(request)) listed.push(request);
    else unlisted.push(...found.map((each) => `${request} ${each}`));
  }
  return { unlisted, listed };
}
