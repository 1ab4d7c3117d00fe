/** Reads the type section of a component, and the declarations inside instance and component types. [Component Model Binary.md, Type Definitions] */
import { type Cursor, Malformed, readByte, readMark, readText, readU32, readVector } from './cursor.ts';
import { readAlias, readName } from './read-names.ts';
import {
  type Definition,
  type Description,
  type Labelled,
  PRIMITIVES,
  type Primitive,
  type TypeSyntax,
  type ValueRef,
} from './syntax.ts';

const BY_OPCODE: ReadonlyMap<number, Primitive> = new Map(PRIMITIVES.map((primitive, i) => [0x7f - i, primitive]));

/** Types inside types: real ones stay under 4. */
const MAX_DEPTH = 16;

/** Reads a value type where one is used: a signed LEB128, in which the negative numbers are the primitives. */
export function readValueRef(c: Cursor): ValueRef {
  const first = c.bytes[c.at];
  if (first !== undefined && first >= 0x40 && first < 0x80) {
    const primitive = BY_OPCODE.get(readByte(c));
    if (primitive === undefined) throw new Malformed(`value type ${first} is not supported`);
    return primitive;
  }
  const start = c.at;
  const index = readU32(c);
  const last = c.bytes[c.at - 1] ?? 0;
  // A last byte with bit 6 set is a negative number, unless all 32 bits came before the sign.
  if (c.at - start < 5 && (last & 0x40) !== 0) throw new Malformed('a value type is a negative number');
  return index;
}

const readLabelled = (c: Cursor): Labelled<ValueRef> => [readText(c), readValueRef(c)];

/** Reads a byte that says yes or no. */
export function readFlag(c: Cursor): boolean {
  const flag = readByte(c);
  if (flag > 1) throw new Malformed(`byte ${flag} says neither yes nor no`);
  return flag === 1;
}

function readOptional(c: Cursor): ValueRef | null {
  return readFlag(c) ? readValueRef(c) : null;
}

function readCase(c: Cursor): Labelled<ValueRef | null> {
  const label = readText(c);
  const type = readOptional(c);
  readMark(c, 0x00);
  return [label, type];
}

/** Reads what a function gives: one value, or nothing. */
export function readResult(c: Cursor): ValueRef | null {
  const form = readByte(c);
  if (form === 0x00) return readValueRef(c);
  if (form !== 0x01) throw new Malformed(`function results of form ${form}`);
  readMark(c, 0x00);
  return null;
}

function readFunction(c: Cursor, isAsync: boolean): TypeSyntax {
  return { kind: 'func', params: readVector(c, readLabelled), result: readResult(c), isAsync };
}

/** Reads one type; `depth` counts the types that it stands in. */
export function readType(c: Cursor, depth: number): TypeSyntax {
  if (depth > MAX_DEPTH) throw new Malformed('types are nested too deeply');
  const opcode = readByte(c);
  const primitive = BY_OPCODE.get(opcode);
  if (primitive !== undefined) return { kind: 'primitive', primitive };
  switch (opcode) {
    case 0x72:
      return { kind: 'record', fields: readVector(c, readLabelled) };
    case 0x71:
      return { kind: 'variant', cases: readVector(c, readCase) };
    case 0x70:
      return { kind: 'list', element: readValueRef(c) };
    case 0x6f:
      return { kind: 'tuple', elements: readVector(c, readValueRef) };
    case 0x6e:
      return { kind: 'flags', labels: readVector(c, readText) };
    case 0x6d:
      return { kind: 'enum', labels: readVector(c, readText) };
    case 0x6b:
      return { kind: 'option', element: readValueRef(c) };
    case 0x6a:
      return { kind: 'result', ok: readOptional(c), err: readOptional(c) };
    case 0x69:
      return { kind: 'own', resource: readU32(c) };
    case 0x68:
      return { kind: 'borrow', resource: readU32(c) };
    case 0x66:
      return { kind: 'stream', element: readOptional(c) };
    case 0x65:
      return { kind: 'future', element: readOptional(c) };
    case 0x40:
      return readFunction(c, false);
    case 0x43:
      return readFunction(c, true);
    case 0x3f:
      readMark(c, 0x7f);
      return { kind: 'resource', destructor: readFlag(c) ? readU32(c) : null };
    case 0x41:
      return { kind: 'component', declarations: readVector(c, (d) => readDeclaration(d, depth + 1)) };
    case 0x42:
      return { kind: 'instance', declarations: readVector(c, (d) => readDeclaration(d, depth + 1)) };
    default:
      throw new Malformed(`type ${opcode} is not supported`);
  }
}

function readDeclaration(c: Cursor, depth: number): Definition {
  const kind = readByte(c);
  if (kind === 0x01) return { kind: 'type', type: readType(c, depth) };
  if (kind === 0x02) return { kind: 'alias', alias: readAlias(c) };
  if (kind === 0x03) return { kind: 'import', name: readName(c), description: readDescription(c) };
  if (kind === 0x04) return { kind: 'export-declaration', name: readName(c), description: readDescription(c) };
  throw new Malformed(`declaration ${kind} is not supported`);
}

/** Reads what an import or export is described by; core modules and values are refused, because WASI 0.2 has no use for them. */
export function readDescription(c: Cursor): Description {
  const kind = readByte(c);
  if (kind === 0x01) return { sort: 'func', type: readU32(c) };
  if (kind === 0x04) return { sort: 'component', type: readU32(c) };
  if (kind === 0x05) return { sort: 'instance', type: readU32(c) };
  if (kind !== 0x03) throw new Malformed(`description ${kind} is not supported`);
  const bound = readByte(c);
  if (bound === 0x00) return { sort: 'type', bound: readU32(c) };
  if (bound !== 0x01) throw new Malformed(`type bound ${bound} is not supported`);
  return { sort: 'type', bound: 'resource' };
}
