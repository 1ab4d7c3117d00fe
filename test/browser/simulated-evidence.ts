/** Evidence of a simulated worker for one connection: bundle, trust file and what its client knows, all as text that any platform reads. */
import { encodeClaims, PROFILE, reportDataOf } from '../../src/attestation/claims.ts';
import { encodeEvidence } from '../../src/attestation/evidence.ts';
import { freshnessLeaf } from '../../src/attestation/freshness.ts';
import { PRESETS } from '../../src/attestation/requirements.ts';
import { formatTrustFile } from '../../src/attestation/trust-file.ts';
import { encodeBase64, encodeHex } from '../../src/base/bytes.ts';
import { formatDigest } from '../../src/base/digest.ts';
import { SIMULATED_MEASUREMENT } from '../../src/testing/index.ts';
import { STRICT_LOCKDOWN } from '../attestation/demands.ts';
import { NOW, sharedAmd } from '../testing/shared-amd.ts';
import type { EvidenceQuestion } from './examination.ts';

const bytes = (size: number, value: number): Uint8Array<ArrayBuffer> => new Uint8Array(size).fill(value);

/** Makes evidence that is genuine for `nonce`, and asks about it under this and under another nonce. */
export async function simulatedEvidence(): Promise<readonly EvidenceQuestion[]> {
  const amd = await sharedAmd();
  const channel = { role: 'worker', nonce: bytes(32, 1), value: bytes(32, 2), peerSpkiDigest: bytes(32, 3) } as const;
  const leaf = freshnessLeaf(channel.role, channel.nonce, channel.value);
  const digest = bytes(32, 4);
  const claims = encodeClaims({
    profile: PROFILE,
    role: channel.role,
    instance: bytes(16, 5),
    tls: channel.peerSpkiDigest,
    hpke: bytes(0, 0),
    functions: { 'risk-score': digest },
    policies: { 'hospital-a': digest },
    lockdown: STRICT_LOCKDOWN,
    // The tree of one client is its leaf.
    freshness: leaf,
    log: { size: 0, root: bytes(32, 0) },
    runtime: 'test',
  });
  const issued = await amd.issueReport({ product: 'Genoa', reportData: reportDataOf(claims) });
  const evidence = { ...issued, crl: issued.crl ?? null, claims, index: 0, size: 1, path: [] };
  const question = {
    bundle: encodeBase64(encodeEvidence(evidence)),
    at: NOW.toISOString(),
    nonce: encodeHex(channel.nonce),
    channel: encodeHex(channel.value),
    peerSpkiDigest: encodeHex(channel.peerSpkiDigest),
    trustFile: formatTrustFile({
      url: 'https://worker.example',
      roots: { simulated: [await amd.rootFingerprint('Genoa')] },
      machine: PRESETS['strict-2026-11'],
      code: {
        measurements: [encodeHex(SIMULATED_MEASUREMENT)],
        functions: { 'risk-score': formatDigest(digest) },
      },
      isolation: {
        policies: { 'hospital-a': formatDigest(digest) },
        others: 'refused',
        lockdown: STRICT_LOCKDOWN,
      },
      freshness: { reattest: 'connection' },
    }),
  };
  return [question, { ...question, nonce: encodeHex(bytes(32, 9)) }];
}
