/** The configuration of the machine that tests boot: one function under one owner's policy, for one caller, put together as an operator does it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { main } from '../../src/cli/main.ts';
import type { WorkerConfig } from '../../src/enclave/worker-config.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';
import { memoryIo } from '../cli/memory-io.ts';
import { functions, makeSigningKey, policyText, type SigningKey } from '../e2e/worker.ts';

export interface GuestConfig {
  /** What `anchorhold image config` wrote: a disk. */
  readonly path: string;
  /** SHA-256 of the bundle in it. */
  readonly digest: Uint8Array;
  readonly policy: OwnerPolicy;
  readonly caller: SigningKey;
}

/** Writes a configuration below a folder. */
export async function writeGuestConfig(folder: string): Promise<GuestConfig> {
  const caller = makeSigningKey();
  const text = policyText(
    ['upper'],
    `
callers: { nightly: { key: "${caller.text}" } }
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
  writeFileSync(join(source, 'upper.wasm'), functions.get('upper') ?? new Uint8Array());
  const io = memoryIo({ cwd: source });
  const path = join(folder, 'machine.config');
  if ((await main(['image', 'config', 'worker.json', '--out', path], io)) !== 0) throw new Error(io.err());
  return {
    path,
    digest: Buffer.from(io.out().trim().replace('sha256:', ''), 'hex'),
    policy: parseOwnerPolicy(text, { file: 'hospital-a.yaml', references: () => null }),
    caller,
  };
}

/** The same configuration with one bit of one file changed: another one, as far as a digest goes. */
export function spoil(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.indexOf('hospital-a.yaml');
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}
