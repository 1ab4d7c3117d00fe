/** Resident memory of processes over a run, from /proc, and whether it grows: a straight line through the samples, by least squares. [proc(5)] */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const PAGE_BYTES = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }));

/** Gives the resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  const pages = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1];
  return Number(pages) * PAGE_BYTES;
}

export interface Sample {
  /** Where on the run it was taken, in requests. */
  readonly at: number;
  readonly bytes: number;
}

/** What a straight line through samples says. */
export interface Trend {
  readonly bytesPerRequest: number;
  /** How far the line may be off, as one standard error of its slope. */
  readonly errorPerRequest: number;
  readonly meanBytes: number;
}

/** Puts a line through samples; at least three are needed. */
export function trendOf(samples: readonly Sample[]): Trend {
  const n = samples.length;
  const meanAt = samples.reduce((sum, { at }) => sum + at, 0) / n;
  const meanBytes = samples.reduce((sum, { bytes }) => sum + bytes, 0) / n;
  const spread = samples.reduce((sum, { at }) => sum + (at - meanAt) ** 2, 0);
  const slope = samples.reduce((sum, { at, bytes }) => sum + (at - meanAt) * (bytes - meanBytes), 0) / spread;
  const missed = samples.reduce((sum, { at, bytes }) => sum + (bytes - meanBytes - slope * (at - meanAt)) ** 2, 0);
  return { bytesPerRequest: slope, errorPerRequest: Math.sqrt(missed / (n - 2) / spread), meanBytes };
}
