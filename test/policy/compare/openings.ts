/** What a version of a policy opens over another one, in the words that its owner reads, one change per line. */
import type { Change } from '../../../src/policy/compare/change.ts';
import { comparePolicies } from '../../../src/policy/compare/compare-policies.ts';
import { parse } from '../sample.ts';

/** Writes section, place and clause of a change, and whether it is certain. */
function line({ section, at, allows, certain }: Change): string {
  return `${section} ${at.line}:${at.column} ${allows}${certain ? '' : ' (not certain)'}`;
}

/** Gives what the newer file opens. */
export function openings(older: string, newer: string): readonly string[] {
  return comparePolicies(parse(older), parse(newer)).opened.map(line);
}

/** Gives the examples of what the newer file opens, each with what the older one says to it; null where there is none. */
export function examples(older: string, newer: string): readonly (string | null)[] {
  return comparePolicies(parse(older), parse(newer)).opened.map(({ example, refusal }) =>
    example === null ? null : `${example}: ${refusal}`,
  );
}
