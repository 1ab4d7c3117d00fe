/** Reads the types of a core module: functions, and the structures and arrays of garbage-collected objects. [WebAssembly core 5.3] */
import { type Cursor, Malformed, readByte, readCount, readU32 } from '../component/cursor.ts';
import type { Feature } from './features.ts';
import { isReference, readValueType, skipValueType } from './walk-code.ts';

const GROUP = 0x4e;
const FINAL = 0x4f;
const OPEN = 0x50;
const ARRAY = 0x5e;
const STRUCT = 0x5f;
const FUNCTION = 0x60;
const VECTOR = 0x7b;
/** V8's own caps. */
const MAX_PARAMETERS = 1000;
const MAX_FIELDS = 10_000;

export interface FunctionTypes {
  readonly count: number;
  /** Entries that they are listed in: a group of types is one. */
  readonly entries: number;
  /** How many parameters each has; 0 for what is no function. */
  readonly parameters: readonly number[];
  /** How many fields each has; 0 for what is no structure. */
  readonly fields: readonly number[];
  /** Whether parameters or results of each are references. */
  readonly passesReferences: readonly boolean[];
}

/** Reads types one after the other; `spend` is told how many parts were met, `note` each feature. */
export function readFunctionTypes(
  c: Cursor,
  spend: (count: number) => void,
  note: (feature: Feature) => void,
): FunctionTypes {
  const parameters: number[] = [];
  const fieldCounts: number[] = [];
  const passesReferences: boolean[] = [];
  let hasReference = false;

  function readValues(): number {
    const count = readCount(c);
    if (count > MAX_PARAMETERS) throw new Malformed(`more than ${MAX_PARAMETERS} parameters or results`);
    for (let i = 0; i < count; i += 1) {
      const type = readValueType(c);
      hasReference ||= isReference(type);
      if (type === VECTOR) note('simd');
      else if (type === 0x63 || type === 0x64) note('function-references');
      else if (type < VECTOR) note('reference-types');
    }
    return count;
  }

  function readField(): void {
    const type = readByte(c);
    const packed = type === 0x77 || type === 0x78;
    if (!packed && !skipValueType(c, type)) throw new Malformed('a field of an unknown type');
    if (readByte(c) > 1) throw new Malformed('a field that is neither constant nor mutable');
  }

  function readComposite(form: number): void {
    if (form === FUNCTION) {
      hasReference = false;
      parameters.push(readValues());
      if (readValues() > 1) note('multi-value');
      fieldCounts.push(0);
      passesReferences.push(hasReference);
      return;
    }
    if (form !== ARRAY && form !== STRUCT) throw new Malformed(`a type of form ${form}`);
    note('gc');
    parameters.push(0);
    const fields = form === ARRAY ? 1 : readCount(c);
    if (fields > MAX_FIELDS) throw new Malformed(`more than ${MAX_FIELDS} fields`);
    fieldCounts.push(form === STRUCT ? fields : 0);
    passesReferences.push(false);
    for (let i = 0; i < fields; i += 1) readField();
  }

  function readSubtype(first: number): void {
    if (first !== FINAL && first !== OPEN) return readComposite(first);
    note('gc');
    for (let left = readCount(c); left > 0; left -= 1) readU32(c);
    readComposite(readByte(c));
  }

  const entries = readCount(c);
  spend(entries);
  for (let i = 0; i < entries; i += 1) {
    const first = readByte(c);
    if (first === GROUP) {
      note('gc');
      const size = readCount(c);
      spend(size);
      for (let j = 0; j < size; j += 1) readSubtype(readByte(c));
    } else readSubtype(first);
  }
  return { count: parameters.length, entries, parameters, fields: fieldCounts, passesReferences };
}
