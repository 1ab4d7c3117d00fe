/**
 * Answers many nonces with few reports: leaves that arrive while a report is being made wait for the next one and share it.
 * The firmware makes few reports a second; every client still gets evidence that is fresh for its own connection.
 */
import { type Claims, encodeClaims, type LogCheckpoint, PROFILE, reportDataOf } from '../attestation/claims.ts';
import { encodeEvidence } from '../attestation/evidence.ts';
import { freshnessLeaf } from '../attestation/freshness.ts';
import { buildMerkleTree } from '../base/merkle.ts';
import { ConfigurationError, TransportError } from '../errors.ts';
import type { DeviceEvidence, ReportDevice } from './device/report-device.ts';

/** Nonces that may wait: two trees' worth at ten reports a second keep the answer under a second. */
const MAX_WAITING = 4096;

/** Everything in the claims that stays as it is while the worker runs. */
export type StandingClaims = Omit<Claims, 'profile' | 'role' | 'freshness' | 'log'>;

export interface Attester {
  /**
   * Gives encoded evidence that answers this nonce on this channel.
   * @throws TransportError ERR_TRANSPORT_OVERLOADED when too many wait; ConfigurationError ERR_CONFIGURATION_DEVICE
   */
  answer(nonce: Uint8Array, channel: Uint8Array): Promise<Uint8Array>;
}

interface Waiting {
  readonly leaf: Uint8Array;
  readonly resolve: (evidence: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/** Starts an attester on a device; `endorsements` are certificates the operator gives when the device has none. */
export function openAttester(options: {
  readonly device: ReportDevice;
  readonly standing: StandingClaims;
  readonly checkpoint: () => LogCheckpoint;
  readonly endorsements: readonly Uint8Array[];
}): Attester {
  const { device, standing, checkpoint, endorsements } = options;
  let waiting: Waiting[] = [];
  let busy = false;

  /** Answers all of them or fails all of them: one that was left without either would wait for ever. */
  async function answerBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      const tree = buildMerkleTree(batch.map((w) => w.leaf));
      const fresh = { profile: PROFILE, role: 'worker', freshness: tree.root, log: checkpoint() } as const;
      const claims = encodeClaims({ ...standing, ...fresh });
      let made: DeviceEvidence;
      try {
        made = await device.getReport(reportDataOf(claims));
      } catch (cause) {
        throw new ConfigurationError('ERR_CONFIGURATION_DEVICE', 'the attestation device gave no report', { cause });
      }
      const { report, crl } = made;
      const certificates = [...made.certificates, ...endorsements];
      for (const [index, w] of batch.entries()) {
        const path = tree.path(index);
        w.resolve(encodeEvidence({ report, certificates, crl, claims, index, size: batch.length, path }));
      }
    } catch (error) {
      for (const w of batch) w.reject(error);
    }
  }

  async function drain(): Promise<void> {
    if (busy) return;
    busy = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await answerBatch(batch);
    }
    busy = false;
  }

  return {
    async answer(nonce, channel) {
      if (waiting.length >= MAX_WAITING) {
        throw new TransportError('ERR_TRANSPORT_OVERLOADED', `${MAX_WAITING} sessions already wait for evidence`);
      }
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
      waiting.push({ leaf: freshnessLeaf('worker', nonce, channel), resolve, reject });
      void drain();
      return await promise;
    },
  };
}
