/** The shape of a benchmark: one case gives a few figures, each with its unit, and with the figure it is a ratio to. */

export interface Figure {
  readonly name: string;
  readonly unit: 'us' | 'us CPU/request' | 'requests/s' | 'sessions/s' | 'sessions/CPU s' | 'reports' | 'ms';
  readonly value: number;
  /** The figure of the same run that this one is compared with, and this divided by that. */
  readonly ratio: { readonly to: string; readonly value: number } | null;
}

export interface BenchCase {
  readonly name: string;
  /** What is measured, and what it is compared with, in one sentence. */
  readonly about: string;
  /** Makes the figures; a text instead says why this machine cannot. */
  run(): Promise<readonly Figure[] | string>;
}

/** Makes a figure that stands alone. */
export function figure(name: string, unit: Figure['unit'], value: number): Figure {
  return { name, unit, value, ratio: null };
}

/** Makes a figure that is compared with another of the same run. */
export function compared(name: string, value: number, base: Figure): Figure {
  return { name, unit: base.unit, value, ratio: { to: base.name, value: value / base.value } };
}
