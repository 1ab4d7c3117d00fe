/** The configuration of the machine that tests boot: one function under one owner's policy, for one caller, put together as an operator does it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOCKDOWN_PRESETS } from '../../src/attestation/lockdown.ts';
import { PRESETS } from '../../src/attestation/requirements.ts';
import { formatTrustFile, type TrustFile } from '../../src/attestation/trust-file.ts';
import { encodeHex, encodeUtf8 } from '../../src/base/bytes.ts';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { main } from '../../src/cli/main.ts';
import type { WorkerConfig } from '../../src/enclave/worker-config.ts';
import { launchDigest } from '../../src/image/boot-folder.ts';
import type { GuestMachine } from '../../src/image/qemu-options.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';
import type { SimulatedAmd } from '../../src/testing/index.ts';
import { memoryIo } from '../cli/memory-io.ts';
import { functions, policyText } from '../e2e/worker.ts';
import { CLIENT_AUTH, type Issued, issue, issueAuthority, purposes } from '../fixtures/certificates.ts';

export interface GuestConfig {
  /** What `anchorhold image config` wrote: a disk. */
  readonly path: string;
  /** SHA-256 of the bundle in it. */
  readonly digest: Uint8Array;
  readonly policy: OwnerPolicy;
  readonly caller: Issued;
}

/** Writes a configuration below a folder. */
export async function writeGuestConfig(folder: string): Promise<GuestConfig> {
  // A certificate, since a signed request has a time, and a machine on a busy host is behind.
  const valid = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2049-01-01T00:00:00Z') };
  const authority = issueAuthority('research', null, valid);
  const caller = issue(
    [
      ['O', 'Research'],
      ['CN', 'nightly'],
    ],
    authority,
    { extensions: [purposes(CLIENT_AUTH)], ...valid },
  );
  const text = policyText(
    ['upper'],
    `
callers: { nightly: { certificate: { ca: ./ca.pem, organization: Research } } }
queries: [{ allow: nightly, to: POST /upper }]
results: { max: 100 B, types: [application/octet-stream] }
`,
  );
  const source = join(folder, 'source');
  mkdirSync(source);
  const config: Partial<WorkerConfig> & { anchorhold: string } = {
    anchorhold: 'anchorhold-worker/1',
    listen: { host: '0.0.0.0', port: 8443 },
    policies: ['hospital-a.yaml'],
    functions: { upper: 'upper.wasm' },
    endorsements: [],
    deadlineMs: 10_000,
    egress: { names: {}, roots: 'system' },
  };
  writeFileSync(join(source, 'worker.json'), JSON.stringify(config));
  writeFileSync(join(source, 'hospital-a.yaml'), text);
  writeFileSync(join(source, 'ca.pem'), authority.pem);
  writeFileSync(join(source, 'upper.wasm'), functions.get('upper') ?? new Uint8Array());
  const io = memoryIo({ cwd: source });
  const path = join(folder, 'machine.config');
  if ((await main(['image', 'config', 'worker.json', '--out', path], io)) !== 0) throw new Error(io.err());
  return {
    path,
    digest: Buffer.from(io.out().trim().replace('sha256:', ''), 'hex'),
    policy: parseOwnerPolicy(text, { file: 'hospital-a.yaml', references: () => encodeUtf8(authority.pem) }),
    caller,
  };
}

/** The trust file that fits such a machine, which has the test module and is not locked down therefore. */
export async function trustFor(
  guest: GuestMachine,
  { digest, policy }: GuestConfig,
  amd: SimulatedAmd,
): Promise<TrustFile> {
  return {
    url: `https://127.0.0.1:${guest.port}`,
    roots: { simulated: [await amd.rootFingerprint('Genoa')] },
    machine: { ...PRESETS['strict-2026-11'], hostData: encodeHex(digest) },
    code: {
      measurements: [encodeHex(await launchDigest(guest.files, guest.vcpus, guest.cpu))],
      functions: { upper: formatDigest(sha256(functions.get('upper') ?? new Uint8Array())) },
    },
    isolation: {
      policies: { 'hospital-a': policy.digest },
      others: 'refused',
      lockdown: { ...LOCKDOWN_PRESETS['strict-2026-11'], kernel: 'none' },
    },
    freshness: { reattest: 'connection' },
  };
}

/** A trust file as JSON, with changes at the top level. */
export function trustWith(trust: TrustFile, change: object = {}): object {
  return { ...(JSON.parse(formatTrustFile(trust)) as object), ...change };
}
