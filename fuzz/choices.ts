/**
 * Choices that an input makes: any bytes are a script, so that what changes bytes changes what is done, and what is done comes from bytes
 * alone. Behind the end of the input every choice is the first one.
 */
import type { Random } from './random.ts';

/** Choices read from bytes; `isOver` tells that there are no bytes left. */
export interface Choices extends Random {
  readonly isOver: () => boolean;
}

/** Reads choices from an input. */
export function openChoices(input: Uint8Array): Choices {
  let at = 0;
  const next = (): number => input[at++] ?? 0;
  const below = (n: number): number => {
    let value = next();
    for (let range = 256; range < n; range *= 256) value = value * 256 + next();
    return value % n;
  };
  return {
    below,
    chance: (probability) => next() >= 256 * (1 - probability),
    pick: (items) => {
      const item = items[below(items.length)];
      if (item === undefined) throw new RangeError('nothing to pick from');
      return item;
    },
    bytes: (size) => Uint8Array.from({ length: size }, next),
    isOver: () => at >= input.length,
  };
}

/** Writes scripts to begin with: bytes of a stream that the name decides. */
export function makeScripts(random: Random, count: number, size: number): readonly Uint8Array[] {
  return Array.from({ length: count }, () => random.bytes(1 + random.below(size)));
}
