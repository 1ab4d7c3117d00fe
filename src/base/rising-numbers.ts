/** The highest number seen of each of some names, for what may only ever rise. Holds numbers; what they mean is decided where they are used. */

/** Remembers numbers for as long as somebody keeps it. */
export interface RisingNumbers<N extends string> {
  /** Gives the highest number seen, or null when none was. */
  highest(name: N): bigint | null;
  /** Remembers a number that was found authentic; a lower one than is known changes nothing. */
  remember(name: N, number: bigint): void;
  /** Lists everything that is remembered. */
  entries(): readonly (readonly [N, bigint])[];
}

/** Starts with what was seen before; an empty list says that nothing was. */
export function createRisingNumbers<N extends string>(seen: readonly (readonly [N, bigint])[]): RisingNumbers<N> {
  const numbers = new Map<N, bigint>();
  const remember = (name: N, number: bigint): void => {
    const highest = numbers.get(name);
    if (highest === undefined || number > highest) numbers.set(name, number);
  };
  for (const [name, number] of seen) remember(name, number);
  return { highest: (name) => numbers.get(name) ?? null, remember, entries: () => [...numbers] };
}
