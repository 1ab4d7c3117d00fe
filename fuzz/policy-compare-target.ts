/** Two versions of a policy that bytes decide: what src/policy says of them is what brute force finds, in both directions and section by section. */
import { type Change, comparePolicies, type OwnerPolicy } from '../src/policy/index.ts';
import { makeScripts, openChoices } from './choices.ts';
import { changeBytes } from './mutate.ts';
import { ORACLES } from './policy-oracle.ts';
import { makePair } from './policy-universe.ts';
import { createRandom, type Random } from './random.ts';
import { demand, type Target } from './target.ts';

/** Holds what is said of one direction to brute force; gives how many sections are wider. */
function check(said: readonly Change[], policy: OwnerPolicy, other: OwnerPolicy): number {
  let wider = 0;
  for (const [section, oracle] of Object.entries(ORACLES)) {
    const here = said.filter((one) => one.section === section);
    const found = oracle(policy, other);
    // What is not certain may be said without being so; nothing may be so without being said.
    if (found) demand(here.length > 0, `what ${section} opens is said`);
    else demand(!here.some(({ certain }) => certain), `what is said of ${section} is so: ${here[0]?.allows}`);
    wider += Number(found);
  }
  return wider;
}

/** Makes a pair and compares it; gives how it came out, or null when the choices make no two policies. */
export function comparePair(random: Random): string | null {
  const pair = makePair(random);
  if (pair === null) return null;
  const [older, newer] = pair;
  const { opened, closed } = comparePolicies(older, newer);
  const [wider, narrower] = [check(opened, newer, older), check(closed, older, newer)];
  const unsure = opened.some(({ certain }) => !certain) ? ', not certain' : '';
  return `${wider > 0 ? 'wider' : 'not wider'}, ${narrower > 0 ? 'narrower' : 'not narrower'}${unsure}`;
}

const SCRIPT_BYTES = 400;

export const POLICY_COMPARE_TARGET: Target = {
  name: 'policy-compare',
  share: 1,
  seeds: makeScripts(createRandom('policy-compare'), 200, SCRIPT_BYTES),
  mutators: [(_input, random) => random.bytes(SCRIPT_BYTES), changeBytes],
  run: (input) => comparePair(openChoices(input)) ?? 'no two policies',
};
