// Numbers, sizes and times for people.
const grouped = new Intl.NumberFormat('en');
const compactNumber = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

function clocks(timeZone: string | undefined) {
  return {
    time: new Intl.DateTimeFormat('en-GB', {
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      timeZone,
    }),
    day: new Intl.DateTimeFormat('en-CA', {
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      timeZone,
    }),
    zone: timeZone === 'UTC' ? ' UTC' : '',
  };
}

let inUse = clocks(undefined);

/** Times from now on in UTC, or in the machine's own zone. */
export function useUtc(utc: boolean): void {
  inUse = clocks(utc ? 'UTC' : undefined);
}

export const count = (value: number) => grouped.format(value);

export const compact = (value: number) =>
  value < 10_000 ? grouped.format(value) : compactNumber.format(value);

export function plural(value: number, noun: string, nouns = `${noun}s`): string {
  return `${grouped.format(value)} ${value === 1 ? noun : nouns}`;
}

export function rate(perSecond: number): string {
  if (perSecond <= 0) return '0/s';
  if (perSecond < 0.1) return '<0.1/s';
  if (perSecond < 9.95) return `${perSecond.toFixed(1)}/s`;
  return `${compact(Math.round(perSecond))}/s`;
}

export function bytes(size: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = size;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  if (unit === 0) return `${Math.round(value)} B`;
  return `${value.toFixed(value < 9.95 ? 1 : 0)} ${units[unit]}`;
}

export const bytesRate = (perSecond: number) => `${bytes(perSecond)}/s`;

export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return inTwo(minutes, 'min', seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return inTwo(hours, 'h', minutes % 60, 'min');
  return inTwo(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

const inTwo = (large: number, unit: string, small: number, smallUnit: string) =>
  small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smallUnit}`;

export const percent = (fraction: number) => `${Math.round(fraction * 100)} %`;

/** To the second: `14:03:59`. */
export const clockTime = (at: number) => inUse.time.format(at);

/** To the millisecond: `14:03:59.120`. */
export const time = (at: number) => `${inUse.time.format(at)}.${String(at % 1000).padStart(3, '0')}`;

/** `2026-05-01 14:03:59`, with the zone's name when it is not the machine's own. */
export const moment = (at: number) => `${inUse.day.format(at)} ${inUse.time.format(at)}${inUse.zone}`;

/** The time alone when it is of the day of `now`, else the day with it. */
export const recent = (at: number, now: number) =>
  inUse.day.format(at) === inUse.day.format(now) ? inUse.time.format(at) : moment(at);

/** The empty name is the default exchange. */
export const exchangeName = (name: string) => (name === '' ? '(default)' : name);

/** The empty key is written out, so that it is seen. */
export const keyName = (key: string) => (key === '' ? '(no key)' : key);

/** The broker's words as a sentence. */
export function sentence(text: string): string {
  const [first = '', ...rest] = text.trim();
  const whole = first.toUpperCase() + rest.join('');
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}
