/** Which form a worker answers in, and what a client takes out of it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CMW_MEDIA_TYPE, wrapEvidence } from '../../src/attestation/cmw.ts';
import { EVIDENCE_MEDIA_TYPE } from '../../src/attestation/evidence.ts';
import { answerEvidence, evidenceOfAnswer, prefersCmw } from '../../src/attestation/evidence-answer.ts';

const BUNDLE = Uint8Array.of(0xa8, 1, 2);

describe('the form of an answer', () => {
  it.each<[string | undefined, boolean]>([
    [undefined, false],
    ['', false],
    ['*/*', false],
    ['application/*', false],
    ['text/html', false],
    [EVIDENCE_MEDIA_TYPE, false],
    [CMW_MEDIA_TYPE, true],
    ['Application/CMW+CBOR', true],
    [`${CMW_MEDIA_TYPE};q=0.1`, true],
    [`${CMW_MEDIA_TYPE};q=0`, false],
    [`${CMW_MEDIA_TYPE};q=0, */*`, false],
    [`${CMW_MEDIA_TYPE};q=2`, false],
    [`${CMW_MEDIA_TYPE};q=nonsense`, false],
    [`${CMW_MEDIA_TYPE}, */*`, true],
    [`*/*, ${CMW_MEDIA_TYPE}`, true],
    [`${CMW_MEDIA_TYPE};q=0.5, */*`, false],
    [`${CMW_MEDIA_TYPE}, ${EVIDENCE_MEDIA_TYPE}`, false],
    [`${CMW_MEDIA_TYPE}, ${EVIDENCE_MEDIA_TYPE};q=0.9`, true],
    [`${CMW_MEDIA_TYPE};q=0.9, ${EVIDENCE_MEDIA_TYPE}`, false],
    [`${CMW_MEDIA_TYPE} ; x=y ; q=1.000, application/*;q=0.999`, true],
  ])('for Accept %j is a CMW: %j', (accept, cmw) => {
    expect(prefersCmw(accept)).toBe(cmw);
    expect(answerEvidence(BUNDLE, accept)).toEqual(
      cmw
        ? { mediaType: CMW_MEDIA_TYPE, body: wrapEvidence(BUNDLE) }
        : { mediaType: EVIDENCE_MEDIA_TYPE, body: BUNDLE },
    );
  });

  it('is one of the two for any header, and holds the bundle in both', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constantFrom('*/*;q=', ',,;', ';;q=0.5')), (accept) => {
        expect(evidenceOfAnswer(answerEvidence(BUNDLE, accept))).toEqual(BUNDLE);
      }),
    );
  });
});

describe('an answer', () => {
  it.each(['', 'text/html', 'application/cbor', `${EVIDENCE_MEDIA_TYPE}; charset=utf-8`])(
    'of type %j holds no evidence',
    (mediaType) => {
      expect(evidenceOfAnswer({ mediaType, body: BUNDLE })).toBeNull();
    },
  );

  it('that is a broken CMW stays as it is, which no bundle looks like', () => {
    const body = wrapEvidence(BUNDLE).with(0, 0x82);
    expect(evidenceOfAnswer({ mediaType: CMW_MEDIA_TYPE, body })).toBe(body);
  });
});
