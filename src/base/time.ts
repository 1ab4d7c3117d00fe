/** RFC 3339 instants and durations with units, as text that people write. No clock: `now` is always an argument. */

const INSTANT = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/;
const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;

/** Reads an RFC 3339 date-time; gives null for anything else, also for days that do not exist. [RFC 3339 5.6] */
export function parseInstant(text: string): Date | null {
  const match = INSTANT.exec(text);
  if (match === null || Number(match[4]) > 23) return null;
  if (parseDay(text.slice(0, 10)) === null) return null;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** Reads an RFC 3339 full-date as midnight UTC; gives null for days that do not exist. [RFC 3339 5.6] */
export function parseDay(text: string): Date | null {
  if (!DAY.test(text)) return null;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text) ? date : null;
}
