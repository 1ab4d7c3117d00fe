/**
 * The instructions of core modules: for each opcode what follows it, and the feature that it belongs to. An opcode that is not here is
 * refused by the reader; the proposals that are here are those that V8 of Node 26 accepts by default. [WebAssembly core 5.4]
 */
import type { Feature } from './features.ts';

/** What follows an opcode. `labels` are depths of enclosing blocks. */
export const FORM = {
  unknown: 0,
  none: 1,
  /** One index, or one depth. */
  index: 2,
  twoIndexes: 3,
  label: 4,
  labelTable: 5,
  blockType: 6,
  /** A block type, and what it catches. */
  tryTable: 7,
  memory: 8,
  memoryAndLane: 9,
  byte: 10,
  bytes4: 11,
  bytes8: 12,
  bytes16: 13,
  signed32: 14,
  signed64: 15,
  heapType: 16,
  valueTypes: 17,
  /** Flags, a label and two heap types. */
  castLabel: 18,
} as const;

/** Prefix bytes, each with the place in the table where its opcodes begin and how many there can be. */
const PREFIXES: ReadonlyMap<number, { readonly base: number; readonly size: number }> = new Map([
  [0xfb, { base: 0x100, size: 0x20 }],
  [0xfc, { base: 0x120, size: 0x20 }],
  [0xfd, { base: 0x140, size: 0x120 }],
  [0xfe, { base: 0x260, size: 0x50 }],
]);
const TABLE_SIZE = 0x2b0;

/** Gives the number by which an opcode is known here: bytes as they are, prefixed ones after them; -1 when there is no such prefix or opcode. */
export function opcodeNumber(prefix: number, sub: number): number {
  const range = PREFIXES.get(prefix);
  return range === undefined || sub >= range.size ? -1 : range.base + sub;
}

/** Opcodes that somebody asks for by name. */
export const OP = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  try: 0x06,
  catch: 0x07,
  throw: 0x08,
  rethrow: 0x09,
  throwRef: 0x0a,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  callRef: 0x14,
  returnCallRef: 0x15,
  delegate: 0x18,
  catchAll: 0x19,
  tryTable: 0x1f,
  globalGet: 0x23,
  globalSet: 0x24,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  refFunc: 0xd2,
  structNewDefault: 0x101,
  arrayNew: 0x106,
  arrayNewDefault: 0x107,
  arrayNewFixed: 0x108,
  arrayNewData: 0x109,
  arrayNewElement: 0x10a,
  arrayFill: 0x110,
  arrayCopy: 0x111,
  arrayInitData: 0x112,
  arrayInitElement: 0x113,
  memoryInit: 0x128,
  memoryCopy: 0x12a,
  memoryFill: 0x12b,
  tableInit: 0x12c,
  tableCopy: 0x12e,
  tableGrow: 0x12f,
  tableFill: 0x131,
} as const;

/** The form of each opcode, by its number. */
export const FORMS: Uint8Array = new Uint8Array(TABLE_SIZE);
/** The feature of each opcode, by its number: a place in `OPCODE_FEATURES`, or 0 for none. */
export const FEATURE_OF: Uint8Array = new Uint8Array(TABLE_SIZE);
/** The features that opcodes belong to; the first is none. */
export const OPCODE_FEATURES: (Feature | null)[] = [null];

type Range = number | readonly [first: number, last: number];

/** Fills in the opcodes of one prefix (null for plain bytes) that have the same form and feature. */
function define(prefix: number | null, form: keyof typeof FORM, feature: Feature | null, ...ranges: readonly Range[]) {
  let place = OPCODE_FEATURES.indexOf(feature);
  if (place < 0) place = OPCODE_FEATURES.push(feature) - 1;
  const base = prefix === null ? 0 : opcodeNumber(prefix, 0);
  for (const range of ranges) {
    const [first, last] = typeof range === 'number' ? [range, range] : range;
    FORMS.fill(FORM[form], base + first, base + last + 1);
    FEATURE_OF.fill(place, base + first, base + last + 1);
  }
}

define(null, 'none', null, 0x00, 0x01, 0x05, 0x0b, 0x0f, 0x1a, 0x1b, [0x45, 0xbf]);
define(null, 'blockType', null, 0x02, 0x03, 0x04);
define(null, 'label', null, 0x0c, 0x0d);
define(null, 'labelTable', null, 0x0e);
define(null, 'index', null, 0x10, [0x20, 0x24], 0x3f, 0x40);
define(null, 'twoIndexes', null, 0x11);
define(null, 'memory', null, [0x28, 0x3e]);
define(null, 'signed32', null, 0x41);
define(null, 'signed64', null, 0x42);
define(null, 'bytes4', null, 0x43);
define(null, 'bytes8', null, 0x44);
define(null, 'none', 'sign-extension', [0xc0, 0xc4]);
define(null, 'index', 'tail-calls', 0x12);
define(null, 'twoIndexes', 'tail-calls', 0x13);
define(null, 'index', 'function-references', 0x14, 0x15);
define(null, 'none', 'function-references', 0xd4);
define(null, 'label', 'function-references', 0xd5, 0xd6);
define(null, 'blockType', 'legacy-exceptions', 0x06);
define(null, 'index', 'legacy-exceptions', 0x07);
define(null, 'label', 'legacy-exceptions', 0x09, 0x18);
define(null, 'none', 'legacy-exceptions', 0x19);
define(null, 'index', 'exceptions', 0x08);
define(null, 'none', 'exceptions', 0x0a);
define(null, 'tryTable', 'exceptions', 0x1f);
define(null, 'valueTypes', 'reference-types', 0x1c);
define(null, 'index', 'reference-types', 0x25, 0x26, 0xd2);
define(null, 'heapType', 'reference-types', 0xd0);
define(null, 'none', 'reference-types', 0xd1);
define(null, 'none', 'gc', 0xd3);

define(0xfb, 'index', 'gc', 0x00, 0x01, 0x06, 0x07, [0x0b, 0x0e], 0x10);
define(0xfb, 'twoIndexes', 'gc', [0x02, 0x05], [0x08, 0x0a], [0x11, 0x13]);
define(0xfb, 'none', 'gc', 0x0f, [0x1a, 0x1e]);
define(0xfb, 'heapType', 'gc', [0x14, 0x17]);
define(0xfb, 'castLabel', 'gc', 0x18, 0x19);

define(0xfc, 'none', 'saturating-conversions', [0x00, 0x07]);
define(0xfc, 'twoIndexes', 'bulk-memory', 0x08, 0x0a, 0x0c, 0x0e);
define(0xfc, 'index', 'bulk-memory', 0x09, 0x0b, 0x0d);
define(0xfc, 'index', 'reference-types', [0x0f, 0x11]);

define(0xfd, 'memory', 'simd', [0x00, 0x0b], 0x5c, 0x5d);
define(0xfd, 'bytes16', 'simd', 0x0c, 0x0d);
define(0xfd, 'byte', 'simd', [0x15, 0x22]);
define(0xfd, 'memoryAndLane', 'simd', [0x54, 0x5b]);
define(0xfd, 'none', 'simd', [0x0e, 0x14], [0x23, 0x53], [0x5e, 0x99], [0x9b, 0xa1], 0xa3, 0xa4, [0xa7, 0xae], 0xb1);
define(0xfd, 'none', 'simd', [0xb5, 0xba], [0xbc, 0xc1], 0xc3, 0xc4, [0xc7, 0xce], 0xd1, [0xd5, 0xe1], [0xe3, 0xed]);
define(0xfd, 'none', 'simd', [0xef, 0xff]);
define(0xfd, 'none', 'relaxed-simd', [0x100, 0x113]);

define(0xfe, 'memory', 'threads', [0x00, 0x02], [0x10, 0x4e]);
define(0xfe, 'byte', 'threads', 0x03);
