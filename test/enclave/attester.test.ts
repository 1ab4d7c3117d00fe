/** Many nonces, few reports: every client gets evidence for its own nonce and channel, whoever else asks at the same time. */
import { describe, expect, it } from 'vitest';
import { parseClaims, reportDataOf } from '../../src/attestation/claims.ts';
import { parseEvidence } from '../../src/attestation/evidence.ts';
import { freshnessLeaf, isFresh } from '../../src/attestation/freshness.ts';
import { type Attester, openAttester } from '../../src/enclave/attester.ts';
import type { ReportDevice } from '../../src/enclave/device/report-device.ts';

const bytes = (size: number, byte: number): Uint8Array => new Uint8Array(size).fill(byte);
const nonceOf = (i: number): Uint8Array => bytes(32, i & 255).fill(i >> 8, 16);

/** A device that waits for the test before each report and keeps what it was asked. */
function openSlowDevice(): { device: ReportDevice; asked: Uint8Array[]; release(): void; fail: boolean } {
  let gate = Promise.withResolvers<undefined>();
  const slow = {
    asked: [] as Uint8Array[],
    fail: false,
    release: () => {
      gate.resolve(undefined);
      gate = Promise.withResolvers();
    },
    device: {
      kind: 'simulated' as const,
      getReport: async (reportData: Uint8Array) => {
        slow.asked.push(reportData);
        await gate.promise;
        if (slow.fail) throw new TypeError('broken');
        return { report: reportData, certificates: [bytes(3, 1)], crl: null };
      },
    },
  };
  return slow;
}

function openOn(device: ReportDevice, checkpoint = () => ({ size: 5, root: bytes(32, 9) })): Attester {
  return openAttester({
    device,
    standing: {
      instance: bytes(16, 1),
      tls: bytes(32, 2),
      hpke: bytes(3, 3),
      functions: {},
      policies: {},
      lockdown: {},
      runtime: 'test',
    },
    checkpoint,
    endorsements: [bytes(4, 2)],
  });
}

/** Tells whether the evidence answers this nonce on this channel, as far as REPORT_DATA and the tree say. */
function answers(encoded: Uint8Array, nonce: Uint8Array, channel: Uint8Array): boolean {
  const evidence = parseEvidence(encoded);
  if ('problem' in evidence) return false;
  const claims = parseClaims(evidence.value.claims);
  if ('problem' in claims) return false;
  expect(evidence.value.report).toEqual(reportDataOf(evidence.value.claims));
  return isFresh(freshnessLeaf('worker', nonce, channel), evidence.value, claims.value.freshness);
}

describe('an attester', () => {
  it('answers one nonce with one report over its claims', async () => {
    const slow = openSlowDevice();
    const asked = openOn(slow.device).answer(nonceOf(1), bytes(32, 4));
    slow.release();
    const evidence = await asked;
    expect(answers(evidence, nonceOf(1), bytes(32, 4))).toBe(true);
    expect(answers(evidence, nonceOf(2), bytes(32, 4))).toBe(false);
    expect(answers(evidence, nonceOf(1), bytes(32, 5))).toBe(false);
    const parsed = parseEvidence(evidence);
    expect('value' in parsed && parsed.value.certificates).toEqual([bytes(3, 1), bytes(4, 2)]);
  });

  it('answers all that came while a report was being made with the next one', async () => {
    const slow = openSlowDevice();
    const attester = openOn(slow.device);
    const first = attester.answer(nonceOf(0), bytes(32, 4));
    const rest = Array.from({ length: 500 }, (_, i) => attester.answer(nonceOf(i + 1), bytes(32, 4)));
    expect(slow.asked).toHaveLength(1);
    slow.release();
    expect(answers(await first, nonceOf(0), bytes(32, 4))).toBe(true);
    slow.release();
    for (const [i, evidence] of (await Promise.all(rest)).entries()) {
      expect(answers(evidence, nonceOf(i + 1), bytes(32, 4))).toBe(true);
      expect(answers(evidence, nonceOf(i), bytes(32, 4))).toBe(false);
    }
    expect(slow.asked).toHaveLength(2);
  });

  it('refuses when too many wait, and goes on', async () => {
    const slow = openSlowDevice();
    const attester = openOn(slow.device);
    const first = attester.answer(nonceOf(0), bytes(32, 4));
    const waiting = Array.from({ length: 4096 }, (_, i) => attester.answer(nonceOf(i), bytes(32, 4)));
    await expect(attester.answer(nonceOf(1), bytes(32, 4))).rejects.toMatchObject({ code: 'ERR_TRANSPORT_OVERLOADED' });
    slow.release();
    await first;
    slow.release();
    expect(await Promise.all(waiting)).toHaveLength(4096);
  });

  it('tells everyone who waits when the device fails, and goes on', async () => {
    const slow = openSlowDevice();
    const attester = openOn(slow.device);
    slow.fail = true;
    const first = attester.answer(nonceOf(0), bytes(32, 4));
    slow.release();
    await expect(first).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_DEVICE' });
    slow.fail = false;
    const second = attester.answer(nonceOf(1), bytes(32, 4));
    slow.release();
    expect(answers(await second, nonceOf(1), bytes(32, 4))).toBe(true);
  });
});

it('fails everyone who waits when claims cannot be made, and goes on with the next', async () => {
  const slow = openSlowDevice();
  let broken = true;
  const attester = openOn(slow.device, () => {
    if (broken) throw new RangeError('no checkpoint');
    return { size: 5, root: bytes(32, 9) };
  });
  const both = [attester.answer(nonceOf(1), bytes(32, 1)), attester.answer(nonceOf(2), bytes(32, 2))];
  for (const result of await Promise.allSettled(both)) expect(result.status).toBe('rejected');
  broken = false;
  const third = attester.answer(nonceOf(3), bytes(32, 3));
  await expect.poll(() => slow.asked.length).toBe(1);
  slow.release();
  expect(answers(await third, nonceOf(3), bytes(32, 3))).toBe(true);
});
