/**
 * Walks an expression of a core module opcode by opcode, with what follows each. It checks the form and the nesting, never the types:
 * that is the engine's business. Linear in the bytes, and nothing is allocated by what they say. [WebAssembly core 5.4]
 */
import { type Cursor, Malformed, readByte, readU32 } from '../component/cursor.ts';
import { FORM, FORMS, OP, opcodeNumber } from './opcodes.ts';

/** What stands at one opcode; the same object is used again for the next one. */
export interface Instruction {
  /** Number of the opcode, as in opcodes.ts. */
  op: number;
  /** Where it begins, and where what follows it ends. */
  at: number;
  end: number;
  /** The first index or depth that follows it; 0 when none does. */
  index: number;
  /** Depths of all blocks that it may branch to. */
  readonly labels: number[];
  /** True for a block whose type is more than one result. */
  hasBlockSignature: boolean;
}

/** Moves past a signed LEB128 number of at most `bits` bits; its unused bits are the engine's business. */
export function skipSigned(c: Cursor, bits: number): void {
  for (let left = Math.ceil(bits / 7); left > 0; left -= 1) if (readByte(c) < 0x80) return;
  throw new Malformed(`a number has more than ${bits} bits`);
}

/** Moves past a heap type: an abstract one, or the index of a type. */
export function skipHeapType(c: Cursor): void {
  skipSigned(c, 33);
}

/** The first byte of a reference to a heap type that follows, nullable or not. */
const TYPED_REFERENCES: readonly number[] = [0x63, 0x64];

/** Moves past a value type that begins with this byte; false when there is none. */
export function skipValueType(c: Cursor, byte: number): boolean {
  if (TYPED_REFERENCES.includes(byte)) {
    skipHeapType(c);
    return true;
  }
  return (byte >= 0x7b && byte <= 0x7f) || (byte >= 0x69 && byte <= 0x74);
}

/** Tells of the first byte of a value type whether its values are references: anything but numbers and vectors. */
export function isReference(byte: number): boolean {
  return byte < 0x7b;
}

/** Reads a value type; gives its first byte. */
export function readValueType(c: Cursor): number {
  const byte = readByte(c);
  if (!skipValueType(c, byte)) throw new Malformed(`${byte} is no type of a value`);
  return byte;
}

/** Moves past a block type; true when it is the index of a function type. */
function skipBlockType(c: Cursor): boolean {
  const byte = readByte(c);
  if (byte === 0x40 || skipValueType(c, byte)) return false;
  c.at -= 1;
  skipSigned(c, 33);
  return true;
}

/** Bit of the alignment that says that the number of a memory follows. */
const HAS_MEMORY = 0x40;

/** Moves past alignment and offset. An offset may have 64 bits: whether a memory may, is decided where memories are read. */
function skipMemoryArgument(c: Cursor): void {
  if ((readU32(c) & HAS_MEMORY) !== 0) readU32(c);
  skipSigned(c, 64);
}

function skipBytes(c: Cursor, size: number): void {
  if (size > c.end - c.at) throw new Malformed('the bytes end early');
  c.at += size;
}

function readLabels(c: Cursor, labels: number[], count: number): void {
  // Each label is a byte at least; more can never be read.
  if (count > c.end - c.at) throw new Malformed('a count is larger than what holds it');
  for (let i = 0; i < count; i += 1) labels.push(readU32(c));
}

/** Reads the clauses of a try_table: what is caught, and the label where it goes. */
function readCatches(c: Cursor, labels: number[]): void {
  const count = readU32(c);
  if (count > c.end - c.at) throw new Malformed('a count is larger than what holds it');
  for (let i = 0; i < count; i += 1) {
    const kind = readByte(c);
    if (kind > 3) throw new Malformed(`${kind} is no form of a catch`);
    if (kind < 2) readU32(c);
    labels.push(readU32(c));
  }
}

function readImmediates(c: Cursor, form: number, into: Instruction): void {
  if (form === FORM.none) return;
  if (form === FORM.index) into.index = readU32(c);
  else if (form === FORM.signed32) skipSigned(c, 32);
  else if (form === FORM.memory) skipMemoryArgument(c);
  else if (form === FORM.label) {
    into.index = readU32(c);
    into.labels.push(into.index);
  } else if (form === FORM.blockType) into.hasBlockSignature = skipBlockType(c);
  else if (form === FORM.signed64) skipSigned(c, 64);
  else if (form === FORM.bytes8) skipBytes(c, 8);
  else if (form === FORM.bytes4) skipBytes(c, 4);
  else if (form === FORM.twoIndexes) {
    into.index = readU32(c);
    readU32(c);
  } else if (form === FORM.labelTable) readLabels(c, into.labels, readU32(c) + 1);
  else if (form === FORM.byte) skipBytes(c, 1);
  else if (form === FORM.bytes16) skipBytes(c, 16);
  else if (form === FORM.memoryAndLane) {
    skipMemoryArgument(c);
    skipBytes(c, 1);
  } else if (form === FORM.heapType) skipHeapType(c);
  else if (form === FORM.valueTypes) {
    for (let left = readU32(c); left > 0; left -= 1) readValueType(c);
  } else if (form === FORM.tryTable) {
    into.hasBlockSignature = skipBlockType(c);
    readCatches(c, into.labels);
  } else if (form === FORM.castLabel) {
    skipBytes(c, 1);
    into.labels.push(readU32(c));
    skipHeapType(c);
    skipHeapType(c);
  } else throw new Malformed('an opcode that is not known');
}

const FIRST_PREFIX = 0xfb;
/** How many blocks more there are after an opcode, by its number. */
const NESTING: Int8Array = new Int8Array(FORMS.length);
for (const op of [OP.block, OP.loop, OP.if, OP.try, OP.tryTable]) NESTING[op] = 1;
for (const op of [OP.end, OP.delegate]) NESTING[op] = -1;

/** What follows an opcode of one byte where it is a byte too, and twice so for an access to memory; 0 where it may be anything. */
const SHORT_SIZES: Uint8Array = new Uint8Array(0x100);
for (const [op, form] of FORMS.subarray(0, FIRST_PREFIX).entries()) {
  if (form === FORM.none) SHORT_SIZES[op] = 1;
  else if (form === FORM.index || form === FORM.label || form === FORM.signed32 || form === FORM.signed64) {
    SHORT_SIZES[op] = 2;
  } else if (form === FORM.memory) SHORT_SIZES[op] = 3;
}

/** Gives the end of an instruction that nobody asks about and that has nothing but single bytes behind it; -1 for any other. */
function endOfShort(bytes: Uint8Array, at: number, end: number): number {
  const size = SHORT_SIZES[bytes[at] ?? 0] ?? 0;
  if (size === 0 || at + size > end) return -1;
  if (size > 1 && (bytes[at + 1] ?? 0xff) >= (size === 2 ? 0x80 : HAS_MEMORY)) return -1;
  return size > 2 && (bytes[at + 2] ?? 0xff) >= 0x80 ? -1 : at + size;
}

/** Walks one expression to its end; the cursor stands behind it then. Opcodes with a 1 in `unasked` are not visited. */
export function walkExpression(c: Cursor, unasked: Uint8Array, visit: (instruction: Instruction) => void): void {
  const instruction: Instruction = { op: 0, at: 0, end: 0, index: 0, labels: [], hasBlockSignature: false };
  const { bytes, end } = c;
  let depth = 1;
  while (depth > 0) {
    const first = c.at < end ? (bytes[c.at] ?? 0) : 0;
    // Nine instructions of ten end here: a module of 14 MB has millions.
    const next = unasked[first] === 1 ? endOfShort(bytes, c.at, end) : -1;
    if (next >= 0) {
      c.at = next;
      depth += NESTING[first] ?? 0;
      continue;
    }
    instruction.at = c.at;
    instruction.index = 0;
    if (instruction.labels.length > 0) instruction.labels.length = 0;
    instruction.hasBlockSignature = false;
    const byte = readByte(c);
    const sub = byte < FIRST_PREFIX ? 0 : readU32(c);
    const op = byte < FIRST_PREFIX ? byte : opcodeNumber(byte, sub);
    const form = FORMS[op] ?? FORM.unknown;
    if (form === FORM.unknown) {
      const shown = byte < FIRST_PREFIX ? byte.toString(16) : `${byte.toString(16)} ${sub.toString(16)}`;
      throw new Malformed(`the opcode ${shown} is not known`);
    }
    instruction.op = op;
    readImmediates(c, form, instruction);
    instruction.end = c.at;
    depth += NESTING[op] ?? 0;
    visit(instruction);
  }
}
