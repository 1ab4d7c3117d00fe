/**
 * Changes of valid inputs. Each knows a structure (bytes, integers at places, DER, CBOR, JSON) and breaks it in one spot, so that the rest
 * still leads a parser to that spot: random bytes alone would only ever show the first length check.
 */
import { concatBytes, encodeUtf8, parseUtf8 } from '../src/base/bytes.ts';
import { type Cbor, encodeCbor, isCborMap, parseCbor } from '../src/base/cbor.ts';
import type { Random } from './random.ts';

/** Changes an input; `others` are all valid inputs of the same target, to put two together. */
export type Mutator = (input: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array;

const INTERESTING: readonly number[] = [0, 1, 2, 3, 0x7f, 0x80, 0x81, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000];
const LARGE: readonly number[] = [0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 0xfffff000, 0x1000, 0x4a0];

/** Changes single bytes, or moves, cuts, doubles or joins pieces. */
export const changeBytes: Mutator = (input, random, others) => {
  const out = Uint8Array.from(input);
  const at = random.below(out.length + 1);
  const size = 1 + random.below(random.chance(0.8) ? 8 : 200);
  switch (random.below(8)) {
    case 0:
    case 1:
      if (at < out.length) out[at] = (out[at] ?? 0) ^ (1 << random.below(8));
      return out;
    case 2:
      if (at < out.length) out[at] = random.pick(INTERESTING) & 0xff;
      return out;
    case 3:
      return concatBytes(out.subarray(0, at), out.subarray(at + size));
    case 4:
      return concatBytes(out.subarray(0, at), random.bytes(size), out.subarray(at));
    case 5:
      return concatBytes(out.subarray(0, at), out.subarray(at, at + size), out.subarray(at));
    case 6:
      return out.subarray(0, at);
    default: {
      const other = random.pick(others);
      return concatBytes(out.subarray(0, at), other.subarray(random.below(other.length + 1)));
    }
  }
};

/** Writes an integer of 1, 2, 4 or 8 bytes, little-endian, at one of these places; null stands for anywhere, in steps of four. */
export function changeInteger(places: readonly number[] | null): Mutator {
  return (input, random) => {
    const out = Uint8Array.from(input);
    const view = new DataView(out.buffer);
    const at = places === null ? 4 * random.below(Math.ceil(out.length / 4)) : random.pick(places);
    const value = random.chance(0.5) ? random.pick(INTERESTING) : random.pick([...LARGE, out.length, out.length - at]);
    const size = random.pick([1, 2, 4, 8]);
    if (at < 0 || at + size > out.length) return out;
    if (size === 1) view.setUint8(at, value & 0xff);
    else if (size === 2) view.setUint16(at, value & 0xffff, true);
    else if (size === 4) view.setUint32(at, value >>> 0, true);
    else view.setBigUint64(at, BigInt(value) << BigInt(8 * random.below(5)), true);
    return out;
  };
}

interface DerNode {
  tag: number;
  content: Uint8Array;
  children: DerNode[] | null;
}

/** Reads DER into a tree as far as it goes; what does not look like elements stays content. */
function readTree(bytes: Uint8Array, depth = 0): DerNode[] | null {
  const nodes: DerNode[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0;
    let size = bytes[at + 1] ?? 0;
    let head = 2;
    if (size > 0x80 && size < 0x84) {
      const octets = size & 0x7f;
      size = bytes.subarray(at + 2, at + 2 + octets).reduce((n, b) => n * 256 + b, 0);
      head += octets;
    }
    if ((bytes[at + 1] ?? 0x80) === 0x80 || at + head + size > bytes.length) return null;
    const content = bytes.subarray(at + head, at + head + size);
    // Extension values are DER inside OCTET STRINGs: worth changing from within.
    const open = (tag & 0x20) !== 0 || (tag === 0x04 && size > 1);
    nodes.push({ tag, content, children: open && depth < 24 ? readTree(content, depth + 1) : null });
    at += head + size;
  }
  return nodes;
}

function encodeTree(nodes: readonly DerNode[]): Uint8Array {
  return concatBytes(
    ...nodes.map(({ tag, content, children }) => {
      const value = children === null ? content : encodeTree(children);
      const { length } = value;
      const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
      return concatBytes(Uint8Array.of(tag, ...head), value);
    }),
  );
}

function listNodes(nodes: readonly DerNode[]): DerNode[] {
  return nodes.flatMap((node) => [node, ...(node.children === null ? [] : listNodes(node.children))]);
}

const TAGS = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x30, 0x31, 0x80, 0x81, 0xa0, 0xa3];

/** Changes one element of DER (its tag, its contents, its neighbours, or another element in its place); all lengths are right again. */
export const changeDer: Mutator = (input, random, others) => {
  const tree = readTree(input);
  if (tree === null || tree.length === 0) return changeBytes(input, random, others);
  const nodes = listNodes(tree);
  const node = random.pick(nodes);
  const { children } = node;
  switch (random.below(7)) {
    case 0:
      node.tag = random.pick(TAGS);
      break;
    case 1:
      node.children = null;
      node.content = changeBytes(node.content, random, [node.content]);
      break;
    case 2:
      if (children !== null) children.splice(random.below(children.length), 1);
      else node.content = new Uint8Array();
      break;
    case 3:
      if (children !== null && children.length > 0) children.push(random.pick(children));
      else node.content = concatBytes(node.content, random.bytes(1 + random.below(3)));
      break;
    case 4:
      children?.reverse();
      break;
    case 5: {
      const other = random.pick(listNodes(readTree(random.pick(others)) ?? [node]));
      Object.assign(node, structuredClone(other));
      break;
    }
    default:
      node.children = null;
      node.content = random.bytes(random.below(6));
  }
  return encodeTree(tree);
};

type Place = readonly [holder: Record<string, unknown>, key: string];

/** Lists every place in a tree of plain objects and lists. */
function listPlaces(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [[holder, key] as const, ...listPlaces(holder[key])]);
}

function clone(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clone);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, clone(item)]));
}

/** Sets a key of an object's own, also `__proto__`. */
function setOwn(holder: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Changes one value in a tree of values; `leaf` makes another value. */
function changeTree(tree: unknown, random: Random, leaf: (old: unknown) => unknown): unknown {
  const root = { root: clone(tree) };
  const [holder, key] = random.pick(listPlaces(root));
  const value = holder[key];
  switch (random.below(6)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      break;
    case 1:
      if (Array.isArray(holder)) holder.push(value);
      else setOwn(holder, random.pick(['', 'x', '__proto__', 'constructor', `${key}2`, key.toUpperCase()]), value);
      break;
    case 2: {
      const [other, otherKey] = random.pick(listPlaces(root));
      setOwn(holder, key, clone(other[otherKey]));
      break;
    }
    default:
      setOwn(holder, key, leaf(value));
  }
  return root.root;
}

const SCALARS: readonly unknown[] = [null, true, false, 0, 1, 2 ** 32, 2 ** 53 - 1, '', 'x', [], {}];

/** Changes one value of deterministic CBOR and encodes it again. */
export const changeCbor: Mutator = (input, random, others) => {
  const decoded = parseCbor(input, input.length);
  if (decoded === null) return changeBytes(input, random, others);
  const leaf = (old: unknown): unknown => {
    if (old instanceof Uint8Array && random.chance(0.6)) return changeBytes(old, random, [old]);
    if (typeof old === 'number' && random.chance(0.6))
      return random.pick([old + 1, old * 2, INTERESTING.length, 2 ** 40]);
    return random.chance(0.3) ? random.bytes(random.below(65)) : random.pick(SCALARS);
  };
  const changed = changeTree(decoded.value, random, leaf);
  const isCbor =
    changed !== undefined && (isCborMap(changed as Cbor) || typeof changed !== 'object' || changed !== null);
  return isCbor ? encodeCbor(changed as Cbor) : Uint8Array.of(0xf6);
};

const JSON_SCALARS: readonly unknown[] = [...SCALARS, -1, 1.5, 1e300, 'any', 'none', 'amd', 'required', '0x1', 'é'];

/** Changes one value of a JSON text, or repeats a piece of it. */
export const changeJson: Mutator = (input, random, others) => {
  const text = parseUtf8(input) ?? '';
  if (random.chance(0.15)) {
    // A key that is there twice, which no writer of JSON makes.
    const pairs = [...text.matchAll(/"[A-Za-z]+": ?(?:"[^"]*"|\d+|true|false)/g)];
    const pair = pairs.length === 0 ? null : random.pick(pairs);
    if (pair !== null) return encodeUtf8(`${text.slice(0, pair.index)}${pair[0]},${text.slice(pair.index)}`);
  }
  const leaf = (old: unknown): unknown => {
    if (typeof old === 'string' && random.chance(0.6)) {
      return new TextDecoder().decode(changeBytes(encodeUtf8(old), random, [encodeUtf8(old)]));
    }
    return random.pick(JSON_SCALARS);
  };
  try {
    return encodeUtf8(JSON.stringify(changeTree(JSON.parse(text), random, leaf)) ?? '');
  } catch {
    // No JSON any more, or nested too deep for a walk.
    return changeBytes(input, random, others);
  }
};

/** Nests an input that ends in itself, deeper than any cap. */
export function nest(open: Uint8Array, close: Uint8Array): Mutator {
  return (input, random) => {
    const depth = 1 + random.below(2000);
    const repeat = (bytes: Uint8Array): Uint8Array => concatBytes(...Array.from({ length: depth }, () => bytes));
    return concatBytes(repeat(open), random.chance(0.5) ? input : new Uint8Array(), repeat(close));
  };
}
