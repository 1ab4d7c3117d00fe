/** What of an answer the owners let out: judged by status, type and size before its first byte leaves, and cut off where a body grows past what they allow. */
import { LIMITS } from '../base/limits.ts';
import { parseMediaType } from '../base/media-type.ts';
import { combineDecisions } from '../policy/combine.ts';
import type { Decision } from '../policy/policy.ts';
import { decideResult } from '../policy/results.ts';
import { MeteredSource } from './metered-source.ts';
import type { GatedOwner } from './policy-register.ts';
import type { StreamedBody } from './sandbox/body.ts';
import type { FunctionResponse, HeaderField } from './sandbox/sandbox.ts';
import { keepTrailers } from './sandbox/trailers.ts';

/** A body that is only counted. */
export const UNCHARGED: Pick<ConstructorParameters<typeof MeteredSource>[1], 'onBytes' | 'onTrailers' | 'onEnd'> = {
  onBytes: () => true,
  onTrailers: keepTrailers,
  onEnd: () => true,
};

/** Counts what a function wrote into the headers of an answer: of the content type only what is beyond the type itself. */
export function countHeadBytes(headers: readonly HeaderField[]): number {
  return headers.reduce(
    (sum, [name, value]) =>
      sum + value.length + (name === 'content-type' ? -(parseMediaType(value)?.length ?? 0) : name.length),
    0,
  );
}

/** Gives the bytes that an answer has or declares; one that says nothing is taken to have a body. */
function countAnswerBytes({ headers, body }: FunctionResponse): number {
  return countHeadBytes(headers) + (body.length ?? 1);
}

/** Gives the first owner's refusal to let the answer out, or null. */
export function judgeAnswer(owners: readonly GatedOwner[], answer: FunctionResponse): Decision | null {
  const types = answer.headers.filter(([header]) => header === 'content-type').map(([, value]) => value);
  // Two types would let the gate judge one and the client read the other.
  const contentType = types.length > 1 ? 'several' : (types[0] ?? null);
  const result = { status: answer.status, contentType, bytes: countAnswerBytes(answer) };
  const decision = combineDecisions(owners.map(({ policy }) => decideResult(policy, result)));
  return decision.outcome === 'allow' ? null : decision;
}

/** Lets no more of a body out than every owner allows, and no more than it declares. */
export function streamAnswer(
  owners: readonly GatedOwner[],
  { headers }: FunctionResponse,
  { source, length }: StreamedBody,
): { readonly source: MeteredSource; readonly length: number | null } {
  const allowed = Math.min(...owners.map(({ policy }) => policy.results?.maxBytes ?? 0)) - countHeadBytes(headers);
  const maxBytes = Math.max(0, Math.min(allowed, LIMITS.streamBytes, length ?? LIMITS.streamBytes));
  return { source: new MeteredSource(source, { ...UNCHARGED, maxBytes }), length };
}

/** Says how a streamed answer came out; an answer to HEAD declares a body that it does not have. */
export function reasonOfStream(
  { source, length }: { readonly source: MeteredSource; readonly length: number | null },
  isSent: boolean,
  method: string,
): string {
  if (source.end === 'exceeded') return 'ERR_POLICY_DENIED_RESULT';
  if (source.end === 'broken') return 'HTTP-response-incomplete';
  if (!isSent) return 'ERR_TRANSPORT_CLOSED';
  return length === null || length === source.bytes || method === 'HEAD' ? 'ok' : 'HTTP-response-incomplete';
}
