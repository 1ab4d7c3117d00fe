/** Runs every shared vector through the verifier in Chromium, and holds each verdict and each check to what Node gives. */
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { allMet } from '../../src/attestation/checks.ts';
import { ROOT } from '../repo/tree.ts';
import { skipUnless } from '../skips.ts';
import { VECTORS } from '../vectors.ts';
import { type Bundle, bundleForBrowser } from './bundle.ts';
import { CHROMIUM, type PageRun, runPage } from './chromium.ts';
import { examine, type Findings } from './examination.ts';
import type { PageAnswer } from './page.ts';
import { simulatedEvidence } from './simulated-evidence.ts';
import { readVectors, type VectorQuestions } from './vector-cases.ts';

interface Comparison extends VectorQuestions {
  readonly node: Findings;
  readonly browser: Findings;
  readonly evaluatesText: boolean;
  readonly violations: readonly string[];
  readonly run: PageRun;
}

const bundlePage = async (): Promise<Bundle> => await bundleForBrowser(join(ROOT, 'test/browser/page.ts'));

async function compare(vectors: string, chromium: string): Promise<Comparison> {
  const given = readVectors(vectors);
  const { privateKey } = generateKeyPairSync('ed25519');
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const questions = { ...given.questions, evidence: await simulatedEvidence(), privateKeyPem };
  const { code } = await bundlePage();
  const run = await runPage(chromium, code, JSON.stringify(questions));
  const answer = JSON.parse(run.answer) as PageAnswer;
  if ('failure' in answer) throw new Error(`the page failed: ${answer.failure}`);
  const node = JSON.parse(JSON.stringify(await examine(questions))) as Findings;
  const { findings: browser, evaluatesText, violations } = answer;
  return { ...given, run, node, browser, evaluatesText, violations };
}

const missing = VECTORS === null ? 'no test vectors' : 'Chromium is not installed (make chromium)';
const test = skipUnless(VECTORS !== null && CHROMIUM !== null, missing);

it('the page of the test stands alone, also where there is no Chromium to open it', async () => {
  const { imports, complaints, modules } = await bundlePage();
  expect([imports, complaints]).toEqual([[], []]);
  expect(modules.length).toBeGreaterThan(50);
});

describe('the verifier in Chromium', () => {
  let compared: Comparison;
  beforeAll(async () => {
    compared = await compare(VECTORS ?? '', CHROMIUM ?? '');
  });

  test('is asked about all vectors: 13 reports under two demands, 53 negatives, and 53 synthetic ones under two roots', () => {
    const { expectations, browser } = compared;
    const groups = Object.groupBy(expectations, ({ group }) => group);
    expect(Object.fromEntries(Object.entries(groups).map(([group, list]) => [group, list.length]))).toEqual({
      real: 13,
      'real-strict': 13,
      negative: 53,
      synthetic: 53,
      'synthetic-amd': 53,
    });
    expect(browser.verdicts.map(({ name }) => name)).toEqual(expectations.map(({ name }) => name));
  });

  test('gives the verdicts and the stages of the index', () => {
    const { expectations, browser } = compared;
    const wrong = expectations.filter(({ verdict, stage, name }, i) => {
      const given = browser.verdicts[i];
      if (given?.name !== name) return true;
      return (verdict !== null && given.verdict !== verdict) || (stage !== undefined && given.stage !== stage);
    });
    expect(wrong).toEqual([]);
    expect(expectations.filter(({ verdict }) => verdict !== null).length).toBe(13 + 53 + 53 + 53);
  });

  test('gives what Node gives, check by check, with and without what it remembers of chains', () => {
    const { node, browser } = compared;
    expect(browser.verdicts).toEqual(node.verdicts);
    expect(browser.cached).toEqual(node.cached);
    expect(browser.cached).toEqual(browser.verdicts);
    const outcomes = browser.verdicts.flatMap(({ checks }) => checks.map(({ outcome }) => outcome));
    expect(outcomes.length).toBeGreaterThan(185 * 30);
    expect(new Set(outcomes).size).toBeGreaterThan(1);
  });

  test('accepts the chain of the certificate that has no report', () => {
    const { node, browser, questions } = compared;
    expect(questions.chain.certificates.length).toBe(3);
    expect(browser.chain).toEqual(node.chain);
    expect(allMet(browser.chain)).toBe(true);
    expect(browser.chain.length).toBeGreaterThan(10);
  });

  test('accepts a bundle of evidence for the connection it is about, and for no other', () => {
    const { node, browser } = compared;
    expect(browser.evidence.map(({ verdict, stage, simulated }) => [verdict, stage, simulated])).toEqual([
      ['accept', null, true],
      ['reject', 'channel', true],
    ]);
    expect(browser.evidence).toEqual(node.evidence);
  });

  test('computes the 13 launch digests whose files are there', () => {
    const { browser, digests } = compared;
    expect(digests.length).toBe(13);
    expect(browser.digests).toEqual(digests);
  });

  test('signs with a caller key as Node does', () => {
    const { node, browser } = compared;
    expect([browser.keyId, browser.signature]).toEqual([node.keyId, node.signature]);
  });

  test('refuses to make a session, with a code of the table, where Node makes one', () => {
    const { node, browser } = compared;
    expect([browser.sessionCode, node.sessionCode]).toEqual(['ERR_CONFIGURATION_PLATFORM', null]);
  });

  test('makes no code from text and loads nothing else: what the policy stopped is the attempt of the test itself', () => {
    const { evaluatesText, violations, run } = compared;
    expect(evaluatesText).toBe(false);
    expect(violations).toEqual(['script-src']);
    expect(run.complaints).toEqual([]);
  });
});
