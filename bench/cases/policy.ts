/** What an owner's decision costs with 1, 20 and 200 rules, when the last rule allows: linear in the file, and small beside one hash. */
import { createHash } from 'node:crypto';
import { decideQuery, parseOwnerPolicy } from '../../src/policy/index.ts';
import { type BenchCase, compared, figure } from '../case.ts';
import { sideBySide } from '../side-by-side.ts';

const DIGEST = `sha256:${'0'.repeat(64)}` as const;
const KEY = `ed25519:MCowBQYDK2VwAyEA${'A'.repeat(42)}A=`;

/** Makes a policy with so many query rules, each for a path of its own. */
function policyWith(rules: number): string {
  const paths = Array.from({ length: rules }, (_, i) => `  - { allow: nightly, to: POST /score/part-${i} }`);
  return [
    'anchorhold: owner-policy/1',
    'owner: hospital-a',
    'version: 1',
    'valid: { from: 2026-01-01, until: 2036-01-01 }',
    `functions: { score: "${DIGEST}" }`,
    `callers: { nightly: { key: "${KEY}" } }`,
    'queries:',
    ...paths,
    '',
  ].join('\n');
}

/** Prepares one decision: the last of so many rules allows it. */
function decisionOver(rules: number): () => void {
  const policy = parseOwnerPolicy(policyWith(rules), { file: 'bench.yaml', references: () => null });
  const request = {
    callers: new Set(['nightly']),
    method: 'POST',
    path: `/score/part-${rules - 1}`,
    functionDigest: DIGEST,
    now: new Date('2027-01-01T00:00:00Z'),
  };
  const decide = () => decideQuery(policy, request);
  if (decide().outcome !== 'allow') throw new Error(`not allowed: ${decide().reason}`);
  return decide;
}

export const policyDecision: BenchCase = {
  name: 'policy',
  about: 'one query decision with 1, 20 and 200 rules, against native SHA-256 over 1 KiB',
  async run() {
    const kilobyte = new Uint8Array(1024);
    const text = policyWith(200);
    const us = await sideBySide({
      hash: () => createHash('sha256').update(kilobyte).digest(),
      one: decisionOver(1),
      twenty: decisionOver(20),
      many: decisionOver(200),
      parse: () => parseOwnerPolicy(text, { file: 'bench.yaml', references: () => null }),
    });
    const hash = figure('native SHA-256 over 1 KiB', 'us', us.hash);
    const one = compared('decision, 1 rule', us.one, hash);
    return [
      hash,
      one,
      compared('decision, 20 rules', us.twenty, one),
      compared('decision, 200 rules', us.many, one),
      compared('parse the file, 200 rules', us.parse, hash),
    ];
  },
};
