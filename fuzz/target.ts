/** What a fuzz target is, and what all of them need: properties that are demanded, and names of outcomes. */
import type { Mutator } from './mutate.ts';

/** One reader, or one machine, with what leads into it. */
export interface Target {
  readonly name: string;
  /** Share of all inputs; what has to verify signatures or to run a guest gets fewer. */
  readonly share: number;
  readonly seeds: readonly Uint8Array[];
  readonly mutators: readonly Mutator[];
  /** Gives the name of what happened. */
  readonly run: (input: Uint8Array) => string | Promise<string>;
}

/** Makes a message an outcome: without the numbers and names that differ from input to input. */
export function nameOf(problem: string): string {
  return problem
    .replaceAll(/"[^"]*"|0x[0-9a-f]+|[0-9a-f]{8,}|\d+/g, '#')
    .replaceAll(/\s+/g, ' ')
    .slice(0, 60);
}

/** Holds a target to a property. @throws Error when it does not hold */
export function demand(holds: boolean, property: string): asserts holds {
  if (!holds) throw new Error(`property: ${property}`);
}
