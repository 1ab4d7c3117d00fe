/** A genuine listener on a simulated AMD whose gate answers whatever the test says: for what a real function would not do on demand. */
import { PRESETS } from '../../src/attestation/requirements.ts';
import type { TrustFile } from '../../src/attestation/trust-file.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import { formatDigest } from '../../src/base/digest.ts';
import { type Attester, openAttester } from '../../src/enclave/attester.ts';
import type { Gate } from '../../src/enclave/gate.ts';
import { type Identity, openIdentity } from '../../src/enclave/identity.ts';
import { LISTENER_TIMES, type Listener, type ListenerTimes, openListener } from '../../src/enclave/listener.ts';
import { type MachineOptions, SIMULATED_MEASUREMENT, simulatedDevice } from '../../src/testing/index.ts';
import { STRICT_LOCKDOWN } from '../attestation/demands.ts';
import { sharedAmd } from './worker.ts';

/** Functions that it claims to have, all with the same digest: the gate answers for them. */
const NAMES = ['a', 'b', 'c', 'start', 'end', 'upper', 'x'];

export interface GenuineListener extends AsyncDisposable {
  readonly url: string;
  readonly identity: Identity;
  readonly trust: TrustFile;
  readonly listener: Listener;
}

/** Opens it; `attester` may stand in for the real one to break evidence on its way. */
export async function openGenuineListener(
  answer: Gate['answer'],
  options: {
    readonly machine?: MachineOptions;
    readonly attester?: (real: Attester) => Attester;
    readonly times?: ListenerTimes;
    readonly epoch?: () => number;
    /** Claims other than the strict ones. */
    readonly lockdown?: Readonly<Record<string, string>>;
    /** Whether it claims those only. */
    readonly replaceLockdown?: boolean;
  } = {},
): Promise<GenuineListener> {
  const amd = await sharedAmd();
  const identity = await openIdentity(new Date());
  const device = await simulatedDevice(amd, { product: 'Genoa', ...options.machine });
  const real = openAttester({
    device,
    standing: () => ({
      instance: identity.instance,
      tls: identity.spkiDigest,
      hpke: identity.sealing.keyConfiguration,
      functions: Object.fromEntries(NAMES.map((name) => [name, new Uint8Array(32)])),
      policies: {},
      lockdown: { ...(options.replaceLockdown === true ? {} : STRICT_LOCKDOWN), ...options.lockdown },
      runtime: 'test',
    }),
    checkpoint: () => ({ size: 0, root: new Uint8Array(32) }),
    endorsements: [],
  });
  const listener = await openListener({
    host: '127.0.0.1',
    port: 0,
    identity,
    attester: options.attester?.(real) ?? real,
    gate: { answer },
    doors: new Map(),
    epoch: options.epoch ?? (() => 0),
    simulated: true,
    times: options.times ?? LISTENER_TIMES,
  });
  const url = `https://127.0.0.1:${listener.port}`;
  return {
    url,
    identity,
    listener,
    trust: {
      url,
      roots: { simulated: [await amd.rootFingerprint('Genoa')] },
      machine: PRESETS['strict-2026-11'],
      code: {
        measurements: [encodeHex(SIMULATED_MEASUREMENT)],
        functions: Object.fromEntries(NAMES.map((name) => [name, formatDigest(new Uint8Array(32))])),
      },
      isolation: { policies: {}, others: 'refused', lockdown: STRICT_LOCKDOWN },
      freshness: { reattest: 'connection' },
    },
    [Symbol.asyncDispose]: () => listener.close(),
  };
}
