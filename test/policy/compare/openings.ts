/** What a version of a policy opens over another one, in the words that its owner reads, one change per line. */
import type { Change } from '../../../src/policy/compare/change.ts';
import { comparePolicies } from '../../../src/policy/compare/compare-policies.ts';
import { parse } from '../sample.ts';

/** Files that say the same as others in other bytes. */
const COPIES: Parameters<typeof parse>[1] = {
  './other-ca.pem': ['./research-ca.pem', '\n'],
  './other-jwks.json': ['./jwks.json', ' '],
  './other.trust.json': ['./scorer.trust.json', ' '],
};

function opened(older: string, newer: string): readonly Change[] {
  return comparePolicies(parse(older, COPIES), parse(newer, COPIES)).opened;
}

/** Gives section, place and clause of what the newer file opens, and whether it is certain. */
export function openings(older: string, newer: string): readonly string[] {
  return opened(older, newer).map(
    ({ section, at, allows, certain }) =>
      `${section} ${at.line}:${at.column} ${allows}${certain ? '' : ' (not certain)'}`,
  );
}

/** Gives the examples of what the newer file opens, each with what the older one says to it; null where there is none. */
export function examples(older: string, newer: string): readonly (string | null)[] {
  return opened(older, newer).map(({ example, refusal }) => (example === null ? null : `${example}: ${refusal}`));
}
