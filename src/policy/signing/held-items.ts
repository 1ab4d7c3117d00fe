/** What a worker holds of what policies in force name, as it shows it: names and whether they are there, never contents, sizes or digests. */
import { mapOf, object, oneOf, type Reader, readJson } from '../../attestation/json-reader.ts';
import { LIMITS } from '../../base/limits.ts';
import { readInForm } from './in-form.ts';

const FORMAT = 'anchorhold-held/1';

/** `withheld`: kept from an earlier run under another policy, and given to nobody. */
export type HeldState = 'held' | 'withheld' | 'missing';

/** What is there of one owner's data and secrets, by the names of the policy. */
export type HeldOfOwner = {
  readonly data: Readonly<Record<string, HeldState>>;
  readonly secrets: Readonly<Record<string, HeldState>>;
};

/** By owner; null for one who does not show it. */
export type HeldItems = Readonly<Record<string, HeldOfOwner | null>>;

const states: Reader<Readonly<Record<string, HeldState>>> = mapOf(oneOf('held', 'withheld', 'missing'));
const ofOwner = object<HeldOfOwner>({ data: states, secrets: states });
const ofOwnerOrNull: Reader<HeldOfOwner | null> = (value, path) => (value === null ? null : ofOwner(value, path));
const answer = object({ anchorhold: oneOf(FORMAT), owners: mapOf(ofOwnerOrNull) });

/** Writes what is held. */
export function formatHeldItems(owners: HeldItems): string {
  return `${JSON.stringify({ anchorhold: FORMAT, owners })}\n`;
}

/**
 * Reads what a worker shows.
 * @throws PolicyError ERR_POLICY_STATEMENT
 */
export function readHeldItems(content: string): HeldItems {
  return readInForm('what the worker holds cannot be read', () =>
    readJson(content, LIMITS.shownPoliciesBytes, 'the answer', answer),
  ).owners;
}
