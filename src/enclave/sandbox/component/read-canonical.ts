/**
 * Reads the canonical definitions of a component: which functions are lifted and lowered, how, and which built-in functions its core modules
 * are given. Threads and error contexts are refused: no guest of WASI 0.3 has them yet. [Component Model Binary.md, Canonical Definitions]
 */
import { type Cursor, Malformed, readByte, readMark, readU32, readVector } from './cursor.ts';
import { readFlag, readResult } from './read-types.ts';
import type { CancelOp, Canonical, CanonicalOptions, CopyOp, EndOp, PlainOp } from './syntax.ts';

const COPIES: ReadonlyMap<number, CopyOp> = new Map([
  [0x0f, 'stream.read'],
  [0x10, 'stream.write'],
  [0x16, 'future.read'],
  [0x17, 'future.write'],
]);
const CANCELS: ReadonlyMap<number, CancelOp> = new Map([
  [0x11, 'stream.cancel-read'],
  [0x12, 'stream.cancel-write'],
  [0x18, 'future.cancel-read'],
  [0x19, 'future.cancel-write'],
]);
const ENDS: ReadonlyMap<number, EndOp> = new Map([
  [0x0e, 'stream.new'],
  [0x13, 'stream.drop-readable'],
  [0x14, 'stream.drop-writable'],
  [0x15, 'future.new'],
  [0x1a, 'future.drop-readable'],
  [0x1b, 'future.drop-writable'],
]);
const PLAIN: ReadonlyMap<number, PlainOp> = new Map([
  [0x05, 'task.cancel'],
  [0x0d, 'subtask.drop'],
  [0x1f, 'waitable-set.new'],
  [0x22, 'waitable-set.drop'],
  [0x23, 'waitable.join'],
  [0x24, 'backpressure.inc'],
  [0x25, 'backpressure.dec'],
]);
const I32 = 0x7f;

function readOptions(c: Cursor): CanonicalOptions {
  const found: { -readonly [K in keyof CanonicalOptions]: CanonicalOptions[K] } = {
    memory: null,
    realloc: null,
    postReturn: null,
    isAsync: false,
    callback: null,
  };
  readVector(c, (d) => {
    const option = readByte(d);
    if (option === 0x00) return;
    if (option === 0x03) found.memory = readU32(d);
    else if (option === 0x04) found.realloc = readU32(d);
    else if (option === 0x05) found.postReturn = readU32(d);
    else if (option === 0x06) found.isAsync = true;
    else if (option === 0x07) found.callback = readU32(d);
    else if (option < 0x03) throw new Malformed('only strings in UTF-8 are supported');
    else throw new Malformed(`canonical option ${option} is not supported`);
  });
  return found;
}

/** Reads whether a wait may end because its task is cancelled: no host cancels one, so it changes nothing. */
function skipCancellable(c: Cursor): void {
  readFlag(c);
}

function readSlot(c: Cursor): number {
  readMark(c, I32);
  const slot = readU32(c);
  if (slot > 1) throw new Malformed(`a task has no storage ${slot}`);
  return slot;
}

/** Reads one canonical definition. */
export function readCanonical(c: Cursor): Canonical {
  const op = readByte(c);
  if (op === 0x00) {
    readMark(c, 0x00);
    return { op: 'lift', core: readU32(c), options: readOptions(c), type: readU32(c) };
  }
  if (op === 0x01) {
    readMark(c, 0x00);
    return { op: 'lower', func: readU32(c), options: readOptions(c) };
  }
  if (op === 0x02) return { op: 'new', resource: readU32(c) };
  if (op === 0x03) return { op: 'drop', resource: readU32(c) };
  if (op === 0x04) return { op: 'rep', resource: readU32(c) };
  if (op === 0x06) return { op: 'subtask.cancel', isAsync: readFlag(c) };
  if (op === 0x09) return { op: 'task.return', result: readResult(c), options: readOptions(c) };
  if (op === 0x0a) return { op: 'context.get', slot: readSlot(c) };
  if (op === 0x0b) return { op: 'context.set', slot: readSlot(c) };
  if (op === 0x0c) {
    skipCancellable(c);
    return { op: 'thread.yield' };
  }
  if (op === 0x20 || op === 0x21) {
    skipCancellable(c);
    return { op: op === 0x20 ? 'waitable-set.wait' : 'waitable-set.poll', memory: readU32(c) };
  }
  const plain = PLAIN.get(op);
  if (plain !== undefined) return { op: plain };
  const end = ENDS.get(op);
  if (end !== undefined) return { op: end, type: readU32(c) };
  const copy = COPIES.get(op);
  if (copy !== undefined) return { op: copy, type: readU32(c), options: readOptions(c) };
  const cancel = CANCELS.get(op);
  if (cancel !== undefined) return { op: cancel, type: readU32(c), isAsync: readFlag(c) };
  if (op >= 0x1c && op <= 0x1e) throw new Malformed('error contexts are not supported');
  if (op >= 0x26 && op <= 0x42) throw new Malformed('threads of the Component Model are not supported');
  throw new Malformed(`canonical function ${op} is not supported`);
}
