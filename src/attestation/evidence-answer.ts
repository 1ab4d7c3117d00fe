/**
 * Evidence as an HTTP answer: a worker's choice of its form, by what the client would like best, and a client's way back to the bundle.
 * The form changes nothing about what is believed. [RFC 9110 12.5.1]
 */
import { CMW_MEDIA_TYPE, unwrapEvidence, wrapEvidence } from './cmw.ts';
import { EVIDENCE_MEDIA_TYPE } from './evidence.ts';

/** A body and what it is. */
export interface EvidenceAnswer {
  readonly mediaType: string;
  readonly body: Uint8Array;
}

const WEIGHT = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** How much a client wants a type: by weight, then by how exactly it names the type. */
function rank(accept: string, mediaType: string): readonly [weight: number, exactness: number] {
  const [main = ''] = mediaType.split('/');
  const ranges = [mediaType, `${main}/*`, '*/*'];
  let best: readonly [number, number] = [0, 0];
  for (const item of accept.toLowerCase().split(',')) {
    const [range = '', ...parameters] = item.split(';').map((part) => part.trim());
    const at = ranges.indexOf(range);
    const exactness = at === -1 ? 0 : ranges.length - at;
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    if (exactness > best[1]) best = [weight === undefined ? 1 : Number(WEIGHT.exec(weight)?.[1] ?? 0), exactness];
  }
  return best;
}

/** Tells whether a request with this Accept header would rather have a CMW than our own form; without a header it would not. */
export function prefersCmw(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const [cmw, own] = [rank(accept, CMW_MEDIA_TYPE), rank(accept, EVIDENCE_MEDIA_TYPE)];
  return cmw[0] > own[0] || (cmw[0] > 0 && cmw[0] === own[0] && cmw[1] > own[1]);
}

/** Puts an encoded bundle into the form that the request asks for; whoever asks for neither gets our own. */
export function answerEvidence(encodedEvidence: Uint8Array, accept: string | undefined): EvidenceAnswer {
  return prefersCmw(accept)
    ? { mediaType: CMW_MEDIA_TYPE, body: wrapEvidence(encodedEvidence) }
    : { mediaType: EVIDENCE_MEDIA_TYPE, body: encodedEvidence };
}

/** Gives the encoded bundle in an answer, not yet decoded; null when the answer is of another type. A CMW that is broken stays as it is, and is refused as a bundle. */
export function evidenceOfAnswer({ mediaType, body }: EvidenceAnswer): Uint8Array | null {
  if (mediaType === EVIDENCE_MEDIA_TYPE) return body;
  if (mediaType !== CMW_MEDIA_TYPE) return null;
  const unwrapped = unwrapEvidence(body);
  return 'value' in unwrapped ? unwrapped.value : body;
}
