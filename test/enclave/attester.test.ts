/** Many nonces, few reports: every client gets evidence for its own nonce and channel, whoever else asks, leaves or waits at the same time. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseClaims, reportDataOf } from '../../src/attestation/claims.ts';
import { type Evidence, parseEvidence } from '../../src/attestation/evidence.ts';
import { freshnessLeaf, isFresh } from '../../src/attestation/freshness.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { type Attester, openAttester } from '../../src/enclave/attester.ts';
import {
  CERTIFICATE,
  type ManualDevice,
  type ManualTimer,
  openManualDevice,
  openManualTimer,
} from './manual-device.ts';

const bytes = (size: number, byte: number): Uint8Array => new Uint8Array(size).fill(byte);
const nonceOf = (i: number): Uint8Array => bytes(32, i & 255).fill(i >> 8, 16);
const CHANNEL = bytes(32, 4);
const ENDORSEMENT = bytes(4, 2);

interface Opened {
  readonly attester: Attester;
  readonly manual: ManualDevice;
  readonly timers: ManualTimer;
  /** Asks for nonces `from` to `from + count - 1`. */
  readonly ask: (from: number, count: number) => Promise<Uint8Array>[];
}

function open(checkpoint = () => ({ size: 5, root: bytes(32, 9) })): Opened {
  const manual = openManualDevice();
  const timers = openManualTimer();
  const attester = openAttester({
    device: manual.device,
    standing: () => ({
      instance: bytes(16, 1),
      tls: bytes(32, 2),
      hpke: bytes(3, 3),
      functions: {},
      policies: {},
      lockdown: {},
      runtime: 'test',
    }),
    checkpoint,
    endorsements: [ENDORSEMENT],
    timer: timers.timer,
  });
  return {
    attester,
    manual,
    timers,
    ask: (from, count) => Array.from({ length: count }, (_, i) => attester.answer(nonceOf(from + i), CHANNEL)),
  };
}

function evidenceOf(encoded: Uint8Array): Evidence {
  const parsed = parseEvidence(encoded);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return parsed.value;
}

/** Tells whether the evidence answers this nonce on this channel, as far as REPORT_DATA and the tree say. */
function answers(encoded: Uint8Array, nonce: Uint8Array, channel: Uint8Array): boolean {
  const evidence = evidenceOf(encoded);
  const claims = parseClaims(evidence.claims);
  if ('problem' in claims) return false;
  expect(evidence.report).toEqual(reportDataOf(evidence.claims));
  return isFresh(freshnessLeaf('worker', nonce, channel), evidence, claims.value.freshness);
}

const codesOf = async (asked: readonly Promise<unknown>[]): Promise<readonly unknown[]> =>
  (await Promise.allSettled(asked)).map((r) => (r.status === 'rejected' ? (r.reason as { code: unknown }).code : 'ok'));

describe('an attester', () => {
  it('answers one nonce with one report over its claims', async () => {
    const { attester, manual } = open();
    const asked = attester.answer(nonceOf(1), CHANNEL);
    manual.release();
    const evidence = await asked;
    expect(answers(evidence, nonceOf(1), CHANNEL)).toBe(true);
    expect(answers(evidence, nonceOf(2), CHANNEL)).toBe(false);
    expect(answers(evidence, nonceOf(1), bytes(32, 5))).toBe(false);
    expect(evidenceOf(evidence).certificates).toEqual([CERTIFICATE, ENDORSEMENT]);
  });

  it('answers all that came while a report was being made with the next one', async () => {
    const { manual, ask } = open();
    const [first] = ask(0, 1);
    const rest = ask(1, 500);
    expect(manual.asked).toHaveLength(1);
    manual.release();
    expect(answers((await first) ?? bytes(0, 0), nonceOf(0), CHANNEL)).toBe(true);
    manual.release();
    for (const [i, evidence] of (await Promise.all(rest)).entries()) {
      expect(answers(evidence, nonceOf(i + 1), CHANNEL)).toBe(true);
      expect(answers(evidence, nonceOf(i), CHANNEL)).toBe(false);
    }
    expect(manual.asked).toHaveLength(2);
  });

  it('puts a nonce under the report after the one in preparation, whatever comes when', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 8 }), async (arrivals) => {
        const { manual, ask } = open();
        const asked: { readonly inPreparation: number; readonly answer: Promise<Uint8Array> }[] = [];
        for (const [step, count] of arrivals.entries()) {
          for (let i = 0; i < count; i += 1) {
            // With an idle device this one starts a report; otherwise it comes during the newest one that was asked for.
            const inPreparation = manual.asked.length;
            asked.push(...ask(step * 100 + i, 1).map((answer) => ({ inPreparation, answer })));
          }
          manual.release();
          await nextTurn();
        }
        for (; manual.pending > 0; await nextTurn()) manual.release();
        const numbers = manual.asked.map((data) => Buffer.from(data).toString('hex'));
        for (const { inPreparation, answer } of asked) {
          const number = numbers.indexOf(Buffer.from(evidenceOf(await answer).report).toString('hex')) + 1;
          expect(number).toBe(inPreparation + 1);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('asks for the next report before it hands out the answers of the last one, and hands them out in slices', async () => {
    const { manual, ask } = open();
    /** How often the device had been asked when each answer came. */
    const askedAtAnswer: number[] = [];
    const first = ask(0, 1);
    const many = ask(1, 1000).map((answer) => answer.then(() => askedAtAnswer.push(manual.asked.length)));
    manual.release();
    await manual.hasBeenAsked(2);
    const next = ask(1001, 1);
    manual.release();
    let turns = 0;
    for (let before = 0; before < 1000; turns += 1) {
      await nextTurn();
      expect(askedAtAnswer.length - before).toBeLessThanOrEqual(256);
      before = askedAtAnswer.length;
    }
    await Promise.all(many);
    expect(new Set(askedAtAnswer)).toEqual(new Set([3]));
    expect(turns).toBeGreaterThanOrEqual(4);
    manual.release();
    await Promise.all([...first, ...next]);
  });

  it('makes no tree over the cap, says so to the next, and goes on', async () => {
    const { attester, manual, ask } = open();
    const first = ask(0, 1);
    const waiting = ask(1, LIMITS.treeNonces);
    await expect(attester.answer(nonceOf(1), CHANNEL)).rejects.toMatchObject({
      code: 'ERR_TRANSPORT_OVERLOADED',
      status: 503,
    });
    manual.release();
    await Promise.all(first);
    manual.release();
    const sizes = (await Promise.all(waiting)).map((each) => evidenceOf(each).size);
    expect(new Set(sizes)).toEqual(new Set([LIMITS.treeNonces]));
    const again = ask(5000, 1);
    manual.release();
    await Promise.all(again);
  });

  it('has no more nonces unanswered than the cap, and goes on', async () => {
    const { manual, ask } = open();
    const first = ask(0, 1);
    const second = ask(1, LIMITS.treeNonces);
    manual.release();
    await manual.hasBeenAsked(2);
    await Promise.all(first);
    const third = ask(3000, LIMITS.unansweredNonces - LIMITS.treeNonces);
    expect(await codesOf(ask(6000, 2))).toEqual(['ERR_TRANSPORT_OVERLOADED', 'ERR_TRANSPORT_OVERLOADED']);
    manual.release();
    await Promise.all(second);
    const fourth = ask(6000, 2);
    manual.release();
    await Promise.all(third);
    manual.release();
    await Promise.all(fourth);
  });

  it('gives the place of a client that left to one that is there', async () => {
    const { attester, manual, ask } = open();
    const first = ask(0, 1);
    let left = false;
    const leaving = codesOf(
      Array.from({ length: LIMITS.treeNonces }, (_, i) => attester.answer(nonceOf(i), CHANNEL, () => left && i !== 7)),
    );
    expect(await codesOf(ask(5000, 1))).toEqual(['ERR_TRANSPORT_OVERLOADED']);
    left = true;
    const there = ask(5000, 1);
    manual.release();
    await Promise.all(first);
    manual.release();
    expect((await Promise.all(there)).map((each) => evidenceOf(each).size)).toEqual([2]);
    const codes = await leaving;
    expect(codes.filter((code) => code === 'ERR_TRANSPORT_CLOSED')).toHaveLength(LIMITS.treeNonces - 1);
    expect(codes[7]).toBe('ok');
  });

  it('makes no report for clients that all left', async () => {
    const { attester, manual, ask } = open();
    const first = ask(0, 1);
    const gone = codesOf([1, 2].map((i) => attester.answer(nonceOf(i), CHANNEL, () => true)));
    manual.release();
    await Promise.all(first);
    expect(await gone).toEqual(['ERR_TRANSPORT_CLOSED', 'ERR_TRANSPORT_CLOSED']);
    expect(manual.asked).toHaveLength(1);
    const next = ask(3, 1);
    manual.release();
    await Promise.all(next);
  });
});

describe('an attester whose device fails', () => {
  it('tells exactly those under that report, and asks the device again for the next', async () => {
    const { manual, ask } = open();
    const failing = ask(0, 1);
    const good = ask(1, 3);
    manual.fail(new TypeError('broken'));
    expect(await codesOf(failing)).toEqual(['ERR_CONFIGURATION_DEVICE']);
    await manual.hasBeenAsked(2);
    manual.release();
    expect(await codesOf(good)).toEqual(['ok', 'ok', 'ok']);
    const later = ask(4, 1);
    manual.fail(new TypeError('broken'));
    expect(await codesOf(later)).toEqual(['ERR_CONFIGURATION_DEVICE']);
    const last = ask(5, 1);
    manual.release();
    expect(await codesOf(last)).toEqual(['ok']);
    expect(manual.asked).toHaveLength(4);
  });

  it('tells all who wait when it is silent, refuses others at once, and goes on when it answers', async () => {
    const { manual, timers, ask } = open();
    const late = ask(0, 2);
    timers.runOut();
    expect(await codesOf(late)).toEqual(['ERR_TRANSPORT_TIMEOUT', 'ERR_TRANSPORT_OVERLOADED']);
    expect(await codesOf(ask(2, 2))).toEqual(['ERR_TRANSPORT_OVERLOADED', 'ERR_TRANSPORT_OVERLOADED']);
    expect(manual.asked).toHaveLength(1);
    manual.release();
    await nextTurn();
    const good = ask(4, 1);
    manual.release();
    expect(await codesOf(good)).toEqual(['ok']);
  });

  it('or that cannot make claims, fails everyone who waits and goes on with the next', async () => {
    let broken = true;
    const { manual, ask } = open(() => {
      if (broken) throw new RangeError('no checkpoint');
      return { size: 5, root: bytes(32, 9) };
    });
    for (const result of await Promise.allSettled(ask(1, 2))) expect(result.status).toBe('rejected');
    broken = false;
    const third = ask(3, 1);
    await manual.hasBeenAsked(1);
    manual.release();
    expect(await codesOf(third)).toEqual(['ok']);
  });
});
