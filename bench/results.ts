/** The record of one run, small enough to be kept beside the code: bench/results/DATE-COMMIT.json. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Figure } from './case.ts';
import type { Machine } from './machine.ts';

/** A figure with its case; a ratio is kept with the name of what it is to. */
export type RecordedFigure = Figure & { readonly case: string };

export interface RunRecord {
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly commit: string;
  readonly machine: Machine;
  /** Share of the processors' time that others used meanwhile, from 0 to 1. */
  readonly others: number;
  readonly figures: readonly RecordedFigure[];
  readonly missing: readonly { readonly case: string; readonly name: string; readonly why: string }[];
}

const FOLDER = join(import.meta.dirname, 'results');

const short = (_key: string, value: unknown): unknown =>
  typeof value === 'number' ? Number(value.toPrecision(4)) : value;

/** Writes a record, a figure a line so that two of them can be read side by side; gives its path. */
export function writeRecord(record: RunRecord): string {
  const { figures, missing, ...head } = record;
  const list = (items: readonly unknown[]): string =>
    items.length === 0 ? '[]' : `[\n${items.map((item) => `    ${JSON.stringify(item, short)}`).join(',\n')}\n  ]`;
  const fields = Object.entries(head).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  const text = `{\n${[...fields, `  "figures": ${list(figures)}`, `  "missing": ${list(missing)}`].join(',\n')}\n}\n`;
  mkdirSync(FOLDER, { recursive: true });
  const path = join(FOLDER, `${record.date.replaceAll(':', '').slice(0, 17)}-${record.commit.replace('+', '')}.json`);
  writeFileSync(path, text);
  return path;
}

/** Reads a record that `writeRecord` wrote. */
export function readRecord(path: string): RunRecord {
  return JSON.parse(readFileSync(path, 'utf8')) as RunRecord;
}
