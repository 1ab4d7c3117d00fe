/** The shape of a benchmark: one case gives a few figures, each with its unit, and with the figure it is a ratio to. */

export interface Figure {
  readonly name: string;
  readonly unit:
    | 'us'
    | 'us CPU'
    | 'us CPU/request'
    | 'us CPU/MiB'
    | 'requests/s'
    | 'sessions/s'
    | 'sessions/CPU s'
    | 'MiB/s'
    | 'MiB'
    | 'bytes/request'
    | 'reports'
    | 'ms';
  readonly value: number;
  /** The figure of the same run that this one is compared with, and this divided by that. */
  readonly ratio: { readonly to: string; readonly value: number } | null;
  /** What the ratio, or the value where there is none, is to be at most; null where nothing is promised. */
  readonly atMost: number | null;
}

/** A figure that this machine cannot make, by name and with the reason. */
export interface Missing {
  readonly missing: string;
  readonly why: string;
}

/** Something to look at under the table: a histogram. */
export interface Picture {
  readonly picture: string;
}

export type Outcome = Figure | Missing | Picture;

export interface BenchCase {
  readonly name: string;
  /** What is measured, and what it is compared with, in one sentence. */
  readonly about: string;
  /** Makes the figures; a text instead says why this machine cannot make any. */
  run(): Promise<readonly Outcome[] | string>;
}

/** Makes a figure that stands alone. */
export function figure(name: string, unit: Figure['unit'], value: number, atMost: number | null = null): Figure {
  return { name, unit, value, ratio: null, atMost };
}

/** Makes a figure that is compared with another of the same run. */
export function compared(name: string, value: number, base: Figure, atMost: number | null = null): Figure {
  return { name, unit: base.unit, value, ratio: { to: base.name, value: value / base.value }, atMost };
}

/** Tells whether a figure keeps what is promised; null when nothing is. */
export function keepsPromise({ value, ratio, atMost }: Figure): boolean | null {
  return atMost === null ? null : (ratio?.value ?? value) <= atMost;
}

/** Gives the middle of some values. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
