/** Quantities as owners write them, always with their unit: `64 KiB`, `100/day`, `1 MiB/day`, `5 s`. Binary units only, so that nobody has to guess. */
import type { RateLimit } from './policy.ts';
import { accept, quote, type Reading, refuse } from './reading.ts';

const SIZES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
const DURATIONS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000 };
const MAX_DURATION_MS = 600_000;
const WINDOWS: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600, day: 86_400 };

/** Reads `64 KiB` as a number of bytes, at least one. */
export function parseByteSize(text: string): Reading<number> {
  const [, count, word] = /^([1-9]\d{0,14}) ?([A-Za-z]+)$/.exec(text) ?? [];
  const unit = Object.entries(SIZES).find(([name]) => name === word);
  if (unit === undefined)
    return refuse(`${quote(text)} is not a size: write a whole number and B, KiB, MiB or GiB, such as 64 KiB`);
  const bytes = Number(count) * unit[1];
  return Number.isSafeInteger(bytes) ? accept(bytes) : refuse(`${quote(text)} is too large a size`);
}

/** Reads `100/day` (calls) or `1 MiB/day` (bytes). */
export function parseRate(text: string): Reading<RateLimit> {
  const [, amount = '', word] = /^([^/]+)\/([a-z]+)$/.exec(text) ?? [];
  const window = Object.entries(WINDOWS).find(([name]) => name === word);
  const bad = `${quote(text)} is not a limit: write calls or bytes per second, minute, hour or day, such as 100/day or 1 MiB/hour`;
  if (window === undefined) return refuse(bad);
  if (/^[1-9]\d{0,8}$/.test(amount)) return accept({ amount: Number(amount), unit: 'calls', windowSeconds: window[1] });
  const bytes = parseByteSize(amount);
  return bytes.ok ? accept({ amount: bytes.value, unit: 'bytes', windowSeconds: window[1] }) : refuse(bad);
}

/** Reads `5 s`, `500 ms` or `2 min` as milliseconds; at most ten minutes. */
export function parseDuration(text: string): Reading<number> {
  const [, count, word] = /^([1-9]\d{0,5}) ?([a-z]+)$/.exec(text) ?? [];
  const unit = Object.entries(DURATIONS).find(([name]) => name === word);
  const ms = Number(count) * (unit?.[1] ?? Number.NaN);
  return ms <= MAX_DURATION_MS
    ? accept(ms)
    : refuse(`${quote(text)} is not a time: write a whole number and ms, s or min, such as 5 s; at most 10 min`);
}

/** Writes milliseconds in the largest unit that is exact. */
export function formatDuration(ms: number): string {
  const [unit, size] = Object.entries(DURATIONS).findLast(([, n]) => ms % n === 0) ?? ['ms', 1];
  return `${ms / size} ${unit}`;
}

/** Writes bytes in the largest unit that is exact. */
export function formatByteSize(bytes: number): string {
  const [unit, size] = Object.entries(SIZES).findLast(([, n]) => bytes % n === 0) ?? ['B', 1];
  return `${bytes / size} ${unit}`;
}

/** Writes a limit as it stands in a file. */
export function formatRate(limit: RateLimit): string {
  const window = Object.entries(WINDOWS).find(([, seconds]) => seconds === limit.windowSeconds)?.[0];
  const amount = limit.unit === 'calls' ? String(limit.amount) : formatByteSize(limit.amount);
  return `${amount}/${window ?? `${limit.windowSeconds} seconds`}`;
}
