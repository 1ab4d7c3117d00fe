/** What an owner's decision costs with 1, 20 and 200 rules, and with 1, 10 and 1000 callers, when the last rule allows; beside Cedar with the same rules. */
import { createHash } from 'node:crypto';
import { decideQuery, parseOwnerPolicy } from '../../src/policy/index.ts';
import { type BenchCase, compared, figure, type Outcome } from '../case.ts';
import { cedarDecision } from '../cedar.ts';
import { findPeer, NO_PEER } from '../peers.ts';
import { sideBySide } from '../side-by-side.ts';

const DIGEST = `sha256:${'0'.repeat(64)}` as const;
const keyOf = (caller: number): string =>
  `ed25519:MCowBQYDK2VwAyEA${Buffer.alloc(32, `${caller}`).toString('base64').slice(0, 43)}=`;

/** Makes a policy with so many query rules, each for a path of its own, and so many callers, all of whom the last rule allows. */
function policyWith(rules: number, callers: number): string {
  const names = Array.from({ length: callers }, (_, i) => `nightly-${i}`);
  const paths = Array.from(
    { length: rules },
    (_, i) => `  - { allow: [${i < rules - 1 ? 'nightly-0' : names.join(', ')}], to: POST /score/part-${i} }`,
  );
  return [
    'anchorhold: owner-policy/1',
    'owner: hospital-a',
    'version: 1',
    'valid: { from: 2026-01-01, until: 2036-01-01 }',
    `functions: { score: "${DIGEST}" }`,
    'callers:',
    ...names.map((name, i) => `  ${name}: { key: "${keyOf(i)}" }`),
    'queries:',
    ...paths,
    '',
  ].join('\n');
}

/** Prepares one decision: the last of so many rules allows it to the last of so many callers, or denies it to a stranger. */
function decisionOver(rules: number, callers: number, outcome: 'allow' | 'deny' = 'allow'): () => void {
  const policy = parseOwnerPolicy(policyWith(rules, callers), { file: 'bench.yaml', references: () => null });
  const request = {
    callers: new Set(outcome === 'allow' ? [`nightly-${callers - 1}`] : []),
    method: 'POST',
    path: `/score/part-${rules - 1}`,
    functionDigest: DIGEST,
    now: new Date('2027-01-01T00:00:00Z'),
  };
  const decide = () => decideQuery(policy, request);
  if (decide().outcome !== outcome) throw new Error(`not ${outcome}: ${decide().reason}`);
  return decide;
}

/** The most that a decision over 200 rules may take. */
const AT_MOST_US = 5;

export const policyDecision: BenchCase = {
  name: 'policy',
  about:
    'one query decision with 1, 20 and 200 rules and 1, 10 and 1000 callers, beside Cedar, against native SHA-256 over 1 KiB',
  async run() {
    const kilobyte = new Uint8Array(1024);
    const text = policyWith(200, 1);
    const cedar = findPeer('cedar');
    const us = await sideBySide({
      hash: () => createHash('sha256').update(kilobyte).digest(),
      one: decisionOver(1, 1),
      twenty: decisionOver(20, 1),
      many: decisionOver(200, 1),
      ten: decisionOver(200, 10),
      thousand: decisionOver(200, 1000),
      denied: decisionOver(200, 1000, 'deny'),
      parse: () => parseOwnerPolicy(text, { file: 'bench.yaml', references: () => null }),
    });
    const hash = figure('native SHA-256 over 1 KiB', 'us', us.hash);
    const many = figure('decision, 200 rules', 'us', us.many, AT_MOST_US);
    return [
      hash,
      compared('decision, 1 rule', us.one, hash),
      compared('decision, 20 rules', us.twenty, many),
      many,
      compared('decision, 200 rules, 10 callers', us.ten, many),
      compared('decision, 200 rules, 1000 callers', us.thousand, many),
      compared('denial, 200 rules, 1000 callers', us.denied, many),
      compared('parse the file, 200 rules', us.parse, hash),
      ...(await besideCedar(cedar)),
    ];
  },
};

/** Makes the figures of Cedar, each as a ratio to the same decision here. */
async function besideCedar(file: string | null): Promise<readonly Outcome[]> {
  if (file === null) return [{ missing: 'cedar-wasm', why: NO_PEER }];
  const us = await sideBySide({
    one: decisionOver(1, 1),
    many: decisionOver(200, 1),
    thousand: decisionOver(200, 1000),
    cedarOne: cedarDecision(file, 1, 1),
    cedarMany: cedarDecision(file, 200, 1),
    cedarThousand: cedarDecision(file, 200, 1000),
  });
  return [
    compared('cedar-wasm, 1 rule', us.cedarOne, figure('decision, 1 rule', 'us', us.one)),
    compared('cedar-wasm, 200 rules', us.cedarMany, figure('decision, 200 rules', 'us', us.many)),
    compared(
      'cedar-wasm, 200 rules, 1000 callers',
      us.cedarThousand,
      figure('decision, 200 rules, 1000 callers', 'us', us.thousand),
    ),
  ];
}
