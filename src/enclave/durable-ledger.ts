/**
 * Keeps counts in the sealed store. A budget is written ahead, a slice at a time: what the store knows of it is never less than what was
 * taken, so a worker that was killed begins again with at most a slice less, and never with more.
 */
import type { RateLimit } from '../policy/policy.ts';
import { decideRate, type RateState } from '../policy/rate.ts';
import type { BudgetEntry, Ledger } from './budget.ts';
import type { Change, SealedRows } from './store/sealed-rows.ts';

/** A limit is written at most so many times while it is used up: small enough for the request path, and a crash costs no more than that part. */
const SLICES = 16;

const PREFIX = 'limit\0';
const VALUE_BYTES = 1 + 4 * 8;
const UNITS: readonly RateLimit['unit'][] = ['calls', 'bytes'];

function encodeEntry({ limit, state }: BudgetEntry): Uint8Array {
  const view = new DataView(new ArrayBuffer(VALUE_BYTES));
  view.setUint8(0, UNITS.indexOf(limit.unit));
  for (const [i, number] of [state.atMs, state.debt, limit.amount, limit.windowSeconds].entries())
    view.setFloat64(1 + 8 * i, number);
  return new Uint8Array(view.buffer);
}

function parseEntry(value: Uint8Array): BudgetEntry | null {
  if (value.length !== VALUE_BYTES) return null;
  const view = new DataView(value.buffer, value.byteOffset);
  const [atMs = 0, debt = 0, amount = 0, windowSeconds = 0] = [0, 1, 2, 3].map((i) => view.getFloat64(1 + 8 * i));
  const unit = UNITS[view.getUint8(0)];
  return unit === undefined ? null : { limit: { amount, unit, windowSeconds }, state: { atMs, debt } };
}

/** Tells whether a budget that begins again from `written` allows no more, at any time, than one in `state`. */
function covers(written: RateState, { limit, state }: BudgetEntry): boolean {
  return decideRate(written, limit, 0, state.atMs).state.debt >= state.debt;
}

/** Takes a slice more than was used. */
function ahead({ limit, state }: BudgetEntry): BudgetEntry {
  const windowMs = limit.windowSeconds * 1000;
  const slice = Math.floor(limit.amount / SLICES) * windowMs;
  return { limit, state: { atMs: state.atMs, debt: Math.min(limit.amount * windowMs, state.debt + slice) } };
}

/** A ledger that a worker closes when it ends. */
export interface DurableLedger extends Ledger {
  /** Writes what was really used, so that a worker that ends in order loses nothing. */
  close(): void;
}

/** Opens the counts of a store. */
export function openDurableLedger(rows: SealedRows): DurableLedger {
  const kept = new Map<string, BudgetEntry>();
  for (const [name, value] of rows.take(PREFIX)) {
    const entry = parseEntry(value);
    if (entry !== null) kept.set(name.slice(PREFIX.length), entry);
  }
  /** What the store knows. */
  const written = new Map([...kept].map(([key, { state }]) => [key, state]));
  /** What is true where that differs. */
  const used = new Map<string, BudgetEntry>();
  return {
    kept,
    note(key, entry) {
      const known = written.get(key);
      if (known === undefined ? entry.state.debt > 0 : !covers(known, entry)) {
        const next = ahead(entry);
        rows.write([[PREFIX + key, encodeEntry(next)]]);
        written.set(key, next.state);
      }
      used.set(key, entry);
    },
    drop(keys) {
      const known = keys.filter((key) => written.has(key));
      if (known.length > 0) rows.write(known.map((key): Change => [PREFIX + key, null]));
      for (const key of keys) {
        written.delete(key);
        used.delete(key);
      }
    },
    close() {
      if (used.size > 0) rows.write([...used].map(([key, entry]): Change => [PREFIX + key, encodeEntry(entry)]));
      used.clear();
    },
  };
}
