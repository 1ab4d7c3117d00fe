/** The sections whose rules stand alone: validity, data, secrets, results, who may replace the file, what was revoked, and who is told why something was refused. */
import { encodeBase64, encodeHex } from '../../base/bytes.ts';
import type { ChangeRules, RevokedProof } from '../policy.ts';
import { formatByteSize } from '../quantity.ts';
import { decideResult } from '../results.ts';
import { type Change, type Compare, change, refusalOf } from './change.ts';
import { isRevoked, joinProofs, leastProof, namesProvenBy, revokedProof } from './proof-set.ts';

/** Compares the section `valid`: the time itself opens nothing, but whatever the file allows is then allowed at that time. */
export const compareValid: Compare = (pair) => {
  const { policy, other } = pair;
  const isEmpty = policy.functions.length === 0 && policy.data.length === 0 && policy.secrets.length === 0;
  if (isEmpty) return [];
  const say = (instant: Date, span: string): Change =>
    change(pair, 'valid', policy.sections.valid, `all that it allows is allowed ${span}`, {
      example: `whatever is asked at ${instant.toISOString()}`,
      refusal: `The policy of ${other.owner} (version ${other.version}) is not in force then.`,
    });
  const { from, until } = policy.valid;
  const earlier = from < other.valid.from ? [say(from, `from ${from.toISOString()} on`)] : [];
  const last = new Date(Math.max(from.getTime(), other.valid.until.getTime()));
  return until > other.valid.until ? [...earlier, say(last, `until ${until.toISOString()}`)] : earlier;
};

/** Compares the section `data`. */
export const compareData: Compare = (pair) =>
  pair.policy.data.flatMap(({ at, name, mount, maxBytes }) => {
    const same = pair.other.data.find((known) => known.name === name && known.mount === mount);
    if (same === undefined)
      return [change(pair, 'data', at, `${name} may be loaded at ${mount}, up to ${formatByteSize(maxBytes)}`)];
    if (maxBytes <= same.maxBytes) return [];
    const sizes = `${formatByteSize(maxBytes)} and not only ${formatByteSize(same.maxBytes)}`;
    return [change(pair, 'data', at, `${name} may be loaded with up to ${sizes}`)];
  });

/** Compares the section `secrets`. */
export const compareSecrets: Compare = (pair) =>
  pair.policy.secrets
    .filter((name) => !pair.other.secrets.includes(name))
    .map((name) => change(pair, 'secrets', pair.policy.sections.secrets, `the worker may hold the secret ${name}`));

/** Compares the section `results`. */
export const compareResults: Compare = (pair) => {
  const { policy, other } = pair;
  const { results } = policy;
  if (results === null) return [];
  const say = (allows: string, contentType: string | null, bytes: number): Change => {
    const example = contentType === null ? 'an empty answer' : `an answer of ${bytes} bytes as ${contentType}`;
    const answer = { status: 200, contentType, bytes };
    const refusal = refusalOf(example, decideResult(policy, answer), decideResult(other, answer));
    return change(pair, 'results', policy.sections.results, allows, { example, refusal });
  };
  const { maxBytes } = results;
  const types = results.types.filter((type) => other.results?.types.includes(type) !== true);
  const opened = types.map((type) => say(`answers may leave as ${type}, up to ${formatByteSize(maxBytes)}`, type, 1));
  if (other.results === null) return [say('answers may leave', null, 0), ...opened];
  const both = results.types.find((type) => !types.includes(type));
  if (both === undefined || maxBytes <= other.results.maxBytes) return opened;
  const sizes = `${formatByteSize(maxBytes)} and not only ${formatByteSize(other.results.maxBytes)}`;
  return [...opened, say(`answers may leave with up to ${sizes}`, both, maxBytes)];
};

/** Gives the keys that together may replace the one file and not the other; null when there are none. */
function findNewSigners(own: ChangeRules, other: ChangeRules | null): readonly Uint8Array[] | null {
  if (other === null) return own.keys.slice(0, own.needed);
  const known = new Set(other.keys.map(encodeHex));
  const strangersFirst = own.keys.toSorted((a, b) => Number(known.has(encodeHex(a))) - Number(known.has(encodeHex(b))));
  const signers = strangersFirst.slice(0, own.needed);
  const counted = signers.filter((key) => known.has(encodeHex(key))).length;
  return counted < other.needed ? signers : null;
}

/** Compares the section `changes`. */
export const compareChanges: Compare = (pair) => {
  const { changes, sections } = pair.policy;
  const signers = changes === null ? null : findNewSigners(changes, pair.other.changes);
  if (signers === null) return [];
  const keys = signers.map((key) => `ed25519:${encodeBase64(key)}`).join(' and ');
  const [verb, what] = signers.length === 1 ? ['alone may', 'key'] : ['together may', 'keys'];
  return [change(pair, 'changes', sections.changes, `the ${what} ${keys} ${verb} replace this file`)];
};

/** Compares the section `explain`. */
export const compareExplain: Compare = (pair) => {
  const { policy, other } = pair;
  const say = (who: string): readonly Change[] => [
    change(pair, 'explain', policy.sections.explain, `${who} may learn why something was refused`),
  ];
  if (policy.explain === 'nobody' || other.explain === 'anyone') return [];
  if (policy.explain === 'anyone') return say('anyone');
  const told = policy.callers.filter((caller) => {
    const proof = leastProof(caller);
    const isKnown = other.explain === 'callers' && namesProvenBy(proof, other).size > 0;
    return !isRevoked(proof, policy) && !isRevoked(proof, other) && !isKnown;
  });
  return told.flatMap(({ name }) => say(name));
};

function revokedText(rule: RevokedProof): string {
  if (rule.kind === 'certificate') return `a certificate with the key spki-${rule.pin}`;
  if (rule.kind === 'key') return `the key ed25519:${encodeBase64(rule.spki)}`;
  const { issuer, subject, id } = rule;
  return `a token of ${issuer} ${subject === null ? `with the id "${id ?? ''}"` : `for "${subject}"`}`;
}

/** Compares the section `revoked`: what the other file takes back counts here, if it can be the proof of a caller at all. */
export const compareRevoked: Compare = (pair) => {
  const { policy, other } = pair;
  return other.revoked.flatMap((rule) => {
    const counts = policy.callers.some((caller) => {
      const proof = joinProofs(leastProof(caller), revokedProof(rule));
      return proof !== null && namesProvenBy(proof, policy).size > 0;
    });
    if (!counts) return [];
    return [change(pair, 'revoked', policy.sections.revoked, `${revokedText(rule)} counts as a proof`)];
  });
};
