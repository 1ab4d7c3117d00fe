/** What one owner's policy says to one answer before its first byte leaves: its size and its type, never what is in it. */
import { parseMediaType } from '../base/media-type.ts';
import type { Decision, OwnerPolicy } from './policy.ts';
import { formatByteSize } from './quantity.ts';
import { joinNames, quote } from './reading.ts';

export interface ResultRequest {
  readonly status: number;
  readonly contentType: string | null;
  /** Of the body and of all headers that the code wrote: either can carry data. */
  readonly bytes: number;
}

/** Decides whether the owner lets an answer out; without a results section nothing, and only an empty body needs no type. */
export function decideResult(policy: OwnerPolicy, result: ResultRequest): Decision {
  const { owner, results } = policy;
  const at = policy.sections.results;
  const allow = (reason: string): Decision => ({ outcome: 'allow', owner, at, code: null, reason, hint: '' });
  const deny = (reason: string, hint = `Ask ${owner} to change the section results.`): Decision => ({
    outcome: 'deny',
    owner,
    at,
    code: 'ERR_POLICY_DENIED_RESULT',
    reason,
    hint,
  });
  const { status, contentType, bytes } = result;
  if (results === null) return deny(`${owner} lets no results out at all.`);
  if (!Number.isInteger(status) || status < 200 || status > 599)
    return deny(`The status ${status} is not one of a final answer.`, "The function's author has to look at it.");
  // Written so that a size that is no number is refused, too.
  if (!(bytes >= 0 && bytes <= results.maxBytes))
    return deny(`The answer has ${bytes} bytes; ${owner} lets out at most ${formatByteSize(results.maxBytes)}.`);
  if (bytes === 0 && contentType === null) return allow('The answer is empty.');
  const type = contentType === null ? null : parseMediaType(contentType);
  if (type !== null && results.types.includes(type))
    return allow(`${owner} lets out ${type} up to ${formatByteSize(results.maxBytes)}.`);
  const listed = results.types.length === 0 ? 'no type at all' : `only ${joinNames(results.types, 'and')}`;
  return deny(`The answer is of type ${quote(contentType ?? 'none')}; ${owner} lets out ${listed}.`);
}
