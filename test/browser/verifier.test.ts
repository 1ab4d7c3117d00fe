/** Runs every shared vector through the verifier in Chromium, and holds each verdict and each check to what Node gives. */
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { allMet } from '../../src/attestation/checks.ts';
import { ROOT } from '../repo/tree.ts';
import { skipUnless } from '../skips.ts';
import { VECTORS } from '../vectors.ts';
import { bundleForBrowser } from './bundle.ts';
import { CHROMIUM, type PageRun, runPage } from './chromium.ts';
import { examine, type Findings } from './examination.ts';
import type { PageAnswer } from './page.ts';
import { readVectors, type VectorQuestions } from './vector-cases.ts';

interface Comparison extends VectorQuestions {
  readonly node: Findings;
  readonly browser: Findings;
  readonly evaluatesText: boolean;
  readonly run: PageRun;
}

async function compare(vectors: string, chromium: string): Promise<Comparison> {
  const given = readVectors(vectors);
  const { privateKey } = generateKeyPairSync('ed25519');
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const questions = { ...given.questions, privateKeyPem };
  const { code } = await bundleForBrowser(join(ROOT, 'test/browser/page.ts'));
  const run = await runPage(chromium, code, JSON.stringify(questions));
  const answer = JSON.parse(run.answer) as PageAnswer;
  if ('failure' in answer) throw new Error(`the page failed: ${answer.failure}`);
  const node = JSON.parse(JSON.stringify(await examine(questions))) as Findings;
  return { ...given, run, node, browser: answer.findings, evaluatesText: answer.evaluatesText };
}

let comparison: Promise<Comparison> | null = null;
const compared = async (): Promise<Comparison> => await (comparison ??= compare(VECTORS ?? '', CHROMIUM ?? ''));

const missing = VECTORS === null ? 'no test vectors' : 'Chromium is not installed (make chromium)';
const test = skipUnless(VECTORS !== null && CHROMIUM !== null, missing);

describe('the verifier in Chromium', () => {
  test('is asked about all vectors: 13 reports under two demands, 53 negatives, and 53 synthetic ones under two roots', async () => {
    const { expectations, browser } = await compared();
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

  test('gives the verdicts and the stages of the index', async () => {
    const { expectations, browser } = await compared();
    const wrong = expectations.filter(({ verdict, stage, name }, i) => {
      const given = browser.verdicts[i];
      if (given?.name !== name) return true;
      return (verdict !== null && given.verdict !== verdict) || (stage !== undefined && given.stage !== stage);
    });
    expect(wrong).toEqual([]);
    expect(expectations.filter(({ verdict }) => verdict !== null).length).toBe(13 + 53 + 53 + 53);
  });

  test('gives what Node gives, check by check, with and without what it remembers of chains', async () => {
    const { node, browser } = await compared();
    expect(browser.verdicts).toEqual(node.verdicts);
    expect(browser.cached).toEqual(node.cached);
    expect(browser.cached).toEqual(browser.verdicts);
    const outcomes = browser.verdicts.flatMap(({ checks }) => checks.map(({ outcome }) => outcome));
    expect(outcomes.length).toBeGreaterThan(185 * 30);
    expect(new Set(outcomes).size).toBeGreaterThan(1);
  });

  test('accepts the chain of the certificate that has no report', async () => {
    const { node, browser, questions } = await compared();
    expect(questions.chain.certificates.length).toBe(3);
    expect(browser.chain).toEqual(node.chain);
    expect(allMet(browser.chain)).toBe(true);
    expect(browser.chain.length).toBeGreaterThan(10);
  });

  test('computes the 13 launch digests whose files are there', async () => {
    const { browser, digests } = await compared();
    expect(digests.length).toBe(13);
    expect(browser.digests).toEqual(digests);
  });

  test('signs with a caller key as Node does', async () => {
    const { node, browser } = await compared();
    expect([browser.keyId, browser.signature]).toEqual([node.keyId, node.signature]);
  });

  test('refuses to make a session, with a code of the table, where Node makes one', async () => {
    const { node, browser } = await compared();
    expect([browser.sessionCode, node.sessionCode]).toEqual(['ERR_CONFIGURATION_PLATFORM', null]);
  });

  test('makes no code from text, loads nothing else, and complains of nothing but the attempt to do so', async () => {
    const { evaluatesText, run } = await compared();
    expect(evaluatesText).toBe(false);
    expect(run.complaints.filter((line) => !line.includes('unsafe-eval'))).toEqual([]);
  });
});
