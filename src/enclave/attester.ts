/**
 * Answers many nonces with few reports: nonces that come while a report is being made share the next one, so that nobody waits for more
 * than two. The firmware makes few reports a second; every client still gets evidence that is fresh for its own connection.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Claims, encodeClaims, type LogCheckpoint, PROFILE, reportDataOf } from '../attestation/claims.ts';
import { openEvidenceBatch } from '../attestation/evidence-batch.ts';
import { freshnessLeaf } from '../attestation/freshness.ts';
import { LIMITS } from '../base/limits.ts';
import { buildMerkleTree } from '../base/merkle.ts';
import { ConfigurationError, TransportError } from '../errors.ts';
import { type Timer, withReportDeadline } from './device/report-deadline.ts';
import type { DeviceEvidence, ReportDevice } from './device/report-device.ts';

/** Answers per turn of the event loop: to send them takes some 30 ms, and a report that is ready must not wait for thousands. */
const ANSWERS_PER_TURN = 256;

/** Everything in the claims that stays as it is until a change of policy. */
export type StandingClaims = Omit<Claims, 'profile' | 'role' | 'freshness' | 'log'>;

export interface Attester {
  /**
   * Gives encoded evidence that answers this nonce on this channel. A client that `isGone` keeps no place from others.
   * @throws TransportError ERR_TRANSPORT_OVERLOADED when too many wait, ERR_TRANSPORT_TIMEOUT when the device makes no report in time,
   * ERR_TRANSPORT_CLOSED when the client is gone; ConfigurationError ERR_CONFIGURATION_DEVICE
   */
  answer(nonce: Uint8Array, channel: Uint8Array, isGone?: () => boolean): Promise<Uint8Array>;
}

interface Waiting {
  readonly leaf: Uint8Array;
  readonly isGone: () => boolean;
  readonly resolve: (evidence: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/** Lets go of those whose client is gone, and gives the others. */
function keepPresent(all: readonly Waiting[]): Waiting[] {
  return all.filter(({ isGone, reject }) => {
    if (!isGone()) return true;
    reject(new TransportError('ERR_TRANSPORT_CLOSED', 'the client left before its evidence was there'));
    return false;
  });
}

/** Starts an attester on a device; `endorsements` are certificates the operator gives when the device has none. */
export function openAttester(options: {
  readonly device: ReportDevice;
  readonly standing: () => StandingClaims;
  readonly checkpoint: () => LogCheckpoint;
  readonly endorsements: readonly Uint8Array[];
  readonly timer?: Timer;
}): Attester {
  const { standing, checkpoint, endorsements } = options;
  const device = withReportDeadline(options.device, options.timer);
  /** Those whom the next report will answer: at most as many as one tree holds, or some would have to wait for a third. */
  let waiting: Waiting[] = [];
  let unanswered = 0;
  let busy = false;

  async function getReport(reportData: Uint8Array): Promise<DeviceEvidence> {
    try {
      return await device.getReport(reportData);
    } catch (cause) {
      if (cause instanceof TransportError) throw cause;
      throw new ConfigurationError('ERR_CONFIGURATION_DEVICE', 'the attestation device gave no report', { cause });
    }
  }

  /** Makes one report for all of them, and what gives each their evidence. */
  async function attest(batch: readonly Waiting[]): Promise<(index: number) => Uint8Array> {
    const tree = buildMerkleTree(batch.map((w) => w.leaf));
    const fresh = { profile: PROFILE, role: 'worker', freshness: tree.root, log: checkpoint() } as const;
    const claims = encodeClaims({ ...standing(), ...fresh });
    const { report, crl, certificates } = await getReport(reportDataOf(claims));
    const all = [...certificates, ...endorsements];
    const encode = openEvidenceBatch({ report, certificates: all, crl, claims, size: batch.length });
    return (index) => encode(index, tree.path(index));
  }

  /**
   * Hands out the evidence in slices: the first as soon as the next report has been asked for, the others each in a turn of their own, so
   * that sockets and the device get theirs in between.
   */
  async function deliver(batch: readonly Waiting[], evidenceOf: (index: number) => Uint8Array): Promise<void> {
    for (const [index, w] of batch.entries()) {
      if (index % ANSWERS_PER_TURN === 0) await (index === 0 ? null : nextTurn());
      w.resolve(evidenceOf(index));
    }
  }

  /** Answers all who wait, or fails them: one that was left without either would wait for ever. */
  async function drain(): Promise<void> {
    if (busy) return;
    busy = true;
    while (waiting.length > 0) {
      const batch = keepPresent(waiting);
      waiting = [];
      if (batch.length === 0) continue;
      const fail = (error: unknown): void => {
        for (const w of batch) w.reject(error);
      };
      try {
        const evidenceOf = await attest(batch);
        // Nobody waits for this to end: the next report is asked for before these answers are written.
        deliver(batch, evidenceOf).catch(fail);
      } catch (error) {
        fail(error);
      }
    }
    busy = false;
  }

  function isFull(): boolean {
    return waiting.length >= LIMITS.treeNonces || unanswered >= LIMITS.unansweredNonces;
  }

  return {
    async answer(nonce, channel, isGone = () => false) {
      if (isFull()) waiting = keepPresent(waiting);
      if (isFull())
        throw new TransportError('ERR_TRANSPORT_OVERLOADED', `${unanswered} sessions already wait for evidence`);
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
      waiting.push({ leaf: freshnessLeaf('worker', nonce, channel), isGone, resolve, reject });
      unanswered += 1;
      void drain();
      try {
        return await promise;
      } finally {
        unanswered -= 1;
      }
    },
  };
}
