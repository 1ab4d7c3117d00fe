/** A machine as the measurements of lockdown claims see it, every part of it replaceable. */
import type { Host, ProgramOutput } from '../../../src/enclave/lockdown/host.ts';

/** What a machine says on which nothing weakens the worker. */
export const STRICT_FILES: Readonly<Record<string, string | null>> = {
  '/proc/consoles': '',
  '/proc/cmdline': 'root=/dev/dm-0 ro quiet\n',
  '/proc/self/status': 'Name:\tnode\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n',
  '/proc/self/limits':
    'Limit                     Soft Limit           Hard Limit           Units\nMax core file size        0                    0                    bytes\n',
  '/proc/swaps': 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n',
  '/sys/kernel/security/lockdown': 'none integrity [confidentiality]\n',
};

/** A listing with one rule, as `nft -j` writes it. */
export const RULESET: string = JSON.stringify({
  nftables: [
    { metainfo: { version: '1.0.9', release_name: 'x', json_schema_version: 1 } },
    { table: { family: 'inet', name: 'worker', handle: 1 } },
    {
      rule: {
        family: 'inet',
        table: 'worker',
        handle: 4,
        expr: [{ counter: { packets: 3, bytes: 180 } }, { drop: null }],
      },
    },
  ],
});

export interface HostChanges {
  readonly files?: Readonly<Record<string, string | null>>;
  readonly nft?: ProgramOutput;
  readonly open?: string | null;
  readonly process?: Partial<Host['process']>;
}

/** Makes the strict machine with these changes. */
export function fakeHost(changes: HostChanges = {}): Host {
  const files = { ...STRICT_FILES, ...changes.files };
  return {
    readFile: (path) => files[path] ?? null,
    run: (program) =>
      Promise.resolve(program === 'nft' ? (changes.nft ?? { kind: 'output', text: RULESET }) : { kind: 'missing' }),
    probeSandbox: () => Promise.resolve(changes.open ?? null),
    process: {
      environment: ['PATH', 'HOME'],
      flags: ['--disable-sigusr1'],
      inspectorUrl: null,
      ...changes.process,
    },
  };
}
