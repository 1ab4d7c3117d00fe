/**
 * Writes gas into a core module: a counter of its own that the code counts down as it runs, and a trap when it is below zero. The counter is a
 * global behind all others, so nothing is renumbered; it is exported under a name that no function can know.
 */
import { randomBytes } from 'node:crypto';
import { concatBytes, encodeUtf8 } from '../../../base/bytes.ts';
import { Malformed } from '../component/cursor.ts';
import { type Insertion, meterCode } from './meter-code.ts';
import type { Body, CoreModule } from './module.ts';
import { readModule } from './read-module.ts';
import { joinPieces, SECTION, writeSections, writeU32 } from './sections.ts';

/** The export by which the host sees the counter: a name that no module can know beforehand, so none can import or pass it on. */
export const GAS_EXPORT: string = `anchorhold:gas:${randomBytes(16).toString('hex')}`;

const I32 = 0x7f;
const I64 = 0x7e;
const EMPTY = 0x40;
const UNREACHABLE = 0x00;
const IF = 0x04;
const END = 0x0b;
const CALL = 0x10;
const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const LOCAL_TEE = 0x22;
const GLOBAL_GET = 0x23;
const GLOBAL_SET = 0x24;
const I64_CONST = 0x42;
const I64_LT_S = 0x53;
const I64_SUB = 0x7d;
const I64_MUL = 0x7e;
const I64_SHR_U = 0x88;
const I64_EXTEND_U = 0xad;
const NOTHING: Uint8Array = new Uint8Array(0);

/** Writes a whole number from 0 as signed LEB128. */
function writeSigned(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let left = value; ; left >>= 7n) {
    const low = Number(left & 0x7fn);
    if (left < 64n) return Uint8Array.from([...bytes, low]);
    bytes.push(low | 0x80);
  }
}

const constant = (value: number): Uint8Array => concatBytes(Uint8Array.of(I64_CONST), writeSigned(BigInt(value)));

/** Writes the pieces of code that count, for one module. */
class CounterCode {
  readonly #get: Uint8Array;
  readonly #set: Uint8Array;
  readonly #callLength: Uint8Array;

  constructor(global: number, lengthFunction: number) {
    this.#get = concatBytes(Uint8Array.of(GLOBAL_GET), writeU32(global));
    this.#set = concatBytes(Uint8Array.of(GLOBAL_SET), writeU32(global));
    this.#callLength = concatBytes(Uint8Array.of(CALL), writeU32(lengthFunction));
  }

  /** Writes what an insertion comes to in a function that counts in this local, or in the counter itself (null). */
  write(insertion: Insertion, isFirst: boolean, local: number | null): Uint8Array {
    const get = local === null ? this.#get : concatBytes(Uint8Array.of(LOCAL_GET), writeU32(local));
    const set = local === null ? this.#set : concatBytes(Uint8Array.of(LOCAL_SET), writeU32(local));
    const save = local === null ? NOTHING : concatBytes(get, this.#set);
    if (insertion.kind === 'write' || insertion.kind === 'read') {
      if (local === null) return NOTHING;
      return insertion.kind === 'write' ? save : concatBytes(this.#get, set);
    }
    if (insertion.kind === 'length') return concatBytes(constant(insertion.sixteenths), this.#callLength);
    if (insertion.cost === 0) return NOTHING;
    const left = concatBytes(isFirst ? this.#get : get, constant(insertion.cost), Uint8Array.of(I64_SUB));
    if (!insertion.checks) return concatBytes(left, set);
    // A local is set and looked at in one instruction, a global in two.
    const keep = local === null ? concatBytes(set, get) : concatBytes(Uint8Array.of(LOCAL_TEE), writeU32(local));
    return concatBytes(left, keep, this.#trap(save));
  }

  /** Traps when the number on top of the stack is below zero, and lets the host see it first. */
  #trap(save: Uint8Array): Uint8Array {
    return concatBytes(constant(0), Uint8Array.of(I64_LT_S, IF, EMPTY), save, Uint8Array.of(UNREACHABLE, END));
  }

  /** The function that pays by a length, given with what each costs in sixteenths, and gives the length back. */
  lengthFunction(): Uint8Array {
    const owed = Uint8Array.of(LOCAL_GET, 0, I64_EXTEND_U, LOCAL_GET, 1, I64_MUL, I64_CONST, 4, I64_SHR_U);
    const left = concatBytes(this.#get, owed, Uint8Array.of(I64_SUB));
    return concatBytes(left, this.#set, this.#get, this.#trap(NOTHING), Uint8Array.of(LOCAL_GET, 0, END));
  }
}

const sized = (content: Uint8Array): Uint8Array => concatBytes(writeU32(content.length), content);

function writeBody(module: CoreModule, body: Body, counter: CounterCode): Uint8Array {
  const { bytes } = module;
  const { start, localGroups, locals, code, end } = body;
  const { insertions, countsInLocal } = meterCode(module, body);
  const local = countsInLocal ? locals : null;
  const pieces = [
    writeU32(localGroups + (countsInLocal ? 1 : 0)),
    bytes.subarray(start, code),
    countsInLocal ? Uint8Array.of(1, I64) : NOTHING,
  ];
  let from = code;
  for (const [i, insertion] of insertions.entries()) {
    pieces.push(bytes.subarray(from, insertion.at), counter.write(insertion, i === 0, local));
    from = insertion.at;
  }
  return sized(joinPieces([...pieces, bytes.subarray(from, end)]));
}

function writeCode(module: CoreModule, counter: CounterCode): Uint8Array {
  const { bodies } = module;
  return joinPieces([
    writeU32(bodies.length + 1),
    ...bodies.map((body) => writeBody(module, body, counter)),
    sized(concatBytes(Uint8Array.of(0), counter.lengthFunction())),
  ]);
}

/** Gives a section with one item more; `count` is how many it has. */
function append({ bytes, sections }: CoreModule, id: number, count: number, item: Uint8Array): Uint8Array {
  const section = sections.find((s) => s.id === id);
  if (section === undefined) return concatBytes(Uint8Array.of(1), item);
  // The count may be written in more bytes than it needs.
  let after = section.start;
  while ((bytes[after] ?? 0) >= 0x80) after += 1;
  return concatBytes(writeU32(count + 1), bytes.subarray(after + 1, section.end), item);
}

/**
 * Writes a module that pays gas and begins with `limit`; a module without code is given back as it is.
 * @throws Malformed for what cannot be read, or when it exports the counter's name itself
 */
export function meterModule(bytes: Uint8Array, limit: number): Uint8Array {
  const module = readModule(bytes);
  const { types, own, imported, exports } = module;
  if (own.func === 0) return bytes;
  if (exports.some(({ name }) => name === GAS_EXPORT)) throw new Malformed(`it exports "${GAS_EXPORT}"`);
  const global = imported.global + own.global;
  const code = new CounterCode(global, imported.func + own.func);
  const counter = concatBytes(Uint8Array.of(I64, 1, I64_CONST), writeSigned(BigInt(limit)), Uint8Array.of(END));
  const name = encodeUtf8(GAS_EXPORT);
  const contents = new Map([
    [SECTION.type, append(module, SECTION.type, types.entries, Uint8Array.of(0x60, 2, I32, I64, 1, I32))],
    [SECTION.function, append(module, SECTION.function, own.func, writeU32(types.count))],
    [SECTION.global, append(module, SECTION.global, own.global, counter)],
    [
      SECTION.export,
      append(module, SECTION.export, exports.length, concatBytes(sized(name), Uint8Array.of(3), writeU32(global))),
    ],
    [SECTION.code, writeCode(module, code)],
  ]);
  // Custom sections name places in the code, which are others now.
  return writeSections(bytes, module.sections, contents, false);
}

/** Gives the gas that a metered module's instance has left, who began with `limit`; without code it has used none. */
function gasLeft(exports: Readonly<Record<string, unknown>>, limit: bigint): bigint {
  const counter = exports[GAS_EXPORT] as { readonly value: bigint } | undefined;
  return counter?.value ?? limit;
}

/** Gives the gas that several instances have used together, each of which began with `limit`. */
export function gasUsed(instances: readonly Readonly<Record<string, unknown>>[], limit: number): bigint {
  return instances.reduce((sum, exports) => sum + BigInt(limit) - gasLeft(exports, BigInt(limit)), 0n);
}
