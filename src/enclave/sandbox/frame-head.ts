/**
 * The head of a frame: JSON of text, whole numbers from 0, booleans, null, lists and objects. Both sides are processes of one worker, so it
 * need not be the same bytes for the same value, and the engine reads and writes it fastest. What is in it is judged by messages.ts.
 */
import { encodeUtf8, parseUtf8 } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';

export type Head = number | string | boolean | null | readonly Head[] | HeadMap;
export interface HeadMap {
  readonly [key: string]: Head;
}

/** Encodes a head. */
export function encodeHead(head: Head): Uint8Array {
  return encodeUtf8(JSON.stringify(head));
}

/** Tells whether a head is an object. */
export function isHeadMap(head: Head | undefined): head is HeadMap {
  return typeof head === 'object' && head !== null && !Array.isArray(head);
}

/** Tells whether JSON holds nothing but what a head may, and does not nest too deeply. */
function isHead(value: unknown, depth: number): value is Head {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0;
  if (typeof value !== 'object' || value === null) return true;
  if (depth === LIMITS.nesting) return false;
  const items: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return items.every((item) => isHead(item, depth + 1));
}

/** Decodes a head; gives undefined for anything else. */
export function parseHead(bytes: Uint8Array): Head | undefined {
  const text = bytes.length > LIMITS.frameHeadBytes ? null : parseUtf8(bytes);
  if (text === null) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isHead(value, 0) ? value : undefined;
  } catch {
    return undefined;
  }
}
