/**
 * What a new policy allows that the old one refused, and the other way round: exactly, over the whole language and not over a sample. Where the
 * language cannot say whether the old one allowed it (two files of authorities, say), it counts as opened, and the change says that it is not certain.
 */
import type { CanonicalPolicy } from '../canonical.ts';
import type { OwnerPolicy } from '../policy.ts';
import { formatPosition } from '../policy-file-error.ts';
import { type Change, type Compare, change } from './change.ts';
import { compareConnections, compareRequests } from './compare-egress.ts';
import { compareFunctions } from './compare-functions.ts';
import { compareMachine } from './compare-machine.ts';
import { compareQueries } from './compare-queries.ts';
import {
  compareChanges,
  compareData,
  compareExplain,
  compareResults,
  compareRevoked,
  compareSecrets,
  compareValid,
} from './compare-sections.ts';

export interface PolicyComparison {
  /** What the new policy allows and the old one refused. Empty: the new one is not wider. */
  readonly opened: readonly Change[];
  /** What the old policy allowed and the new one refuses. */
  readonly closed: readonly Change[];
}

const nothing: Compare = () => [];

const compareOwner: Compare = (pair) =>
  pair.policy.owner === pair.other.owner
    ? []
    : [change(pair, 'owner', { file: pair.policy.file, line: 1, column: 1 }, `${pair.policy.owner} is the owner`)];

/** Every key of the file: a new one has to be compared before this compiles. */
const SECTIONS: { readonly [K in keyof Required<CanonicalPolicy>]: Compare } = {
  anchorhold: nothing,
  owner: compareOwner,
  // That it rises is checked where a policy is replaced; it allows nothing.
  version: nothing,
  valid: compareValid,
  functions: compareFunctions,
  machine: compareMachine,
  // Who is who shows in what they may ask.
  callers: nothing,
  revoked: compareRevoked,
  queries: compareQueries,
  egress: (pair) => [...compareRequests(pair), ...compareConnections(pair)],
  data: compareData,
  secrets: compareSecrets,
  results: compareResults,
  changes: compareChanges,
  // What a file says about itself allows nothing.
  tests: nothing,
  explain: compareExplain,
};

/** Gives what a policy allows beyond the other. */
function findExcess(policy: OwnerPolicy, other: OwnerPolicy): readonly Change[] {
  const both = Math.max(policy.valid.from.getTime(), other.valid.from.getTime());
  const now = both < policy.valid.until.getTime() ? new Date(both) : policy.valid.from;
  return Object.values(SECTIONS).flatMap((compare) => compare({ policy, other, now }));
}

/** Compares two versions of one owner's policy. Takes time that a cap bounds, however the patterns are written. */
export function comparePolicies(older: OwnerPolicy, newer: OwnerPolicy): PolicyComparison {
  return { opened: findExcess(newer, older), closed: findExcess(older, newer) };
}

/** Writes one change as a sentence with its place. */
export function renderChange(word: 'opened' | 'closed', one: Change): string {
  const { owner, at, allows, example, refusal, certain } = one;
  const says = word === 'opened' ? 'now says' : 'no longer says';
  const when = word === 'opened' ? 'before' : 'now';
  return [
    `${word}: ${owner} ${says} that ${allows}.`,
    `  at ${formatPosition(at)}`,
    ...(example === null ? [] : [`  for example: ${example} (${when}: ${refusal})`]),
    ...(certain ? [] : ['  It is not certain that the other file refuses this, so it counts as refused.']),
  ].join('\n');
}
