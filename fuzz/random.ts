/** Random numbers that a seed decides: the same seed, name and number give the same input on every machine. Not for secrets. */

/** A stream of numbers. */
export interface Random {
  /** Gives an integer of 0 to n-1. */
  below(n: number): number;
  /** Tells whether something of this probability happens. */
  chance(probability: number): boolean;
  /** Takes one of a list that is not empty. */
  pick<T>(items: readonly T[]): T;
  bytes(size: number): Uint8Array<ArrayBuffer>;
}

/** Mixes text and numbers into 32 bits (FNV-1a). */
function mix(parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const char of parts.join('/')) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return hash >>> 0;
}

/** Starts the stream that belongs to these parts. */
export function createRandom(...parts: readonly (string | number)[]): Random {
  let state = mix(parts);
  /** One step of SplitMix32. */
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  const below = (n: number): number => Math.floor((next() / 2 ** 32) * n);
  return {
    below,
    chance: (probability) => next() / 2 ** 32 < probability,
    pick: (items) => {
      const item = items[below(items.length)];
      if (item === undefined) throw new RangeError('nothing to pick from');
      return item;
    },
    bytes: (size) => Uint8Array.from({ length: size }, () => next() & 0xff),
  };
}
