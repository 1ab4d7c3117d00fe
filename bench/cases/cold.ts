/**
 * Cold start of a large function: a JavaScript engine as a component of 14 MB. How long from its bytes to the first answer (digest, checks,
 * process, compilation, instance, call), and how long once it is ready: with the published files, and from a checkout, where each new process has
 * types to strip first. Beside it `jco serve` of the same file, from its start to its first answer. Times of the wall, so they are this
 * machine's and its neighbours'.
 */

import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as checkout from '../../src/enclave/sandbox/load.ts';
import { NO_GROUPS } from '../../src/enclave/sandbox/resource-groups.ts';
import type { LoadedFunction } from '../../src/enclave/sandbox/sandbox.ts';
import { NO_SOCKET_EGRESS } from '../../src/enclave/sandbox/socket-egress.ts';
import { nativeSha256 } from '../../src/io/native-digest.ts';
import { type BenchCase, compared, figure, median } from '../case.ts';
import { buildEngineComponent } from '../engine-component.ts';
import { findPeer, NO_PEER, startJco } from '../peers.ts';

const TURNS = 5;
const PUBLISHED = resolve(import.meta.dirname, '../../dist/enclave/sandbox/load.js');
const PROMISED_MS = { fromBytes: 600, ready: 150 } as const;

async function timeOf(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

async function ask(loaded: LoadedFunction): Promise<void> {
  const request = { method: 'GET', path: '/', authority: 'bench.test', headers: [], body: new Uint8Array(0) };
  const { status } = await loaded.call(request, {
    deadlineMs: 30_000,
    egress: () => Promise.resolve({ error: 'HTTP-request-denied' }),
    sockets: NO_SOCKET_EGRESS,
    caller: 'bench',
    whenGone: () => undefined,
  });
  if (status !== 200) throw new Error(`the engine answered with status ${status}`);
}

interface Turn {
  readonly fromBytesMs: number;
  readonly readyMs: number;
  readonly againMs: number;
}

type Loader = Pick<typeof checkout, 'loadFunction' | 'DEFAULT_FUNCTION_LIMITS'>;

async function loadOnce({ loadFunction, DEFAULT_FUNCTION_LIMITS }: Loader, bytes: Uint8Array): Promise<Turn> {
  const digest = nativeSha256(bytes);
  const start = performance.now();
  const loaded = await loadFunction({
    bytes,
    digest,
    name: 'engine',
    limits: DEFAULT_FUNCTION_LIMITS,
    answerType: 'application/octet-stream',
    onLog: () => undefined,
    groups: NO_GROUPS,
    mounts: [],
    env: [],
    onNotice: () => undefined,
  });
  try {
    const readyMs = await timeOf(() => ask(loaded));
    const fromBytesMs = performance.now() - start;
    await ask(loaded);
    return { fromBytesMs, readyMs, againMs: await timeOf(() => ask(loaded)) };
  } finally {
    await loaded.close();
  }
}

async function askJco(jco: string, file: string): Promise<number> {
  const start = performance.now();
  const server = await startJco(jco, file);
  try {
    const { status } = await fetch(server.url);
    if (status !== 200) throw new Error(`jco serve answered with status ${status}`);
    return performance.now() - start;
  } finally {
    await server.stop();
  }
}

export const coldStart: BenchCase = {
  name: 'cold',
  about: 'the first answer of a JavaScript engine of 14 MB, from its bytes and once it is ready, against jco serve',
  async run() {
    const jco = findPeer('jco');
    if (jco === null) return `jco componentize: ${NO_PEER}`;
    if (!existsSync(PUBLISHED)) return 'the published files are not there: run make build';
    const published = (await import(PUBLISHED)) as Loader;
    const home = await mkdtemp(join(tmpdir(), 'anchorhold-bench-'));
    try {
      const file = await buildEngineComponent(jco, home);
      const bytes = new Uint8Array(await readFile(file));
      const turns: (Turn & { readonly checkoutMs: number; readonly jcoMs: number })[] = [];
      for (let i = 0; i < TURNS; i += 1) {
        const { fromBytesMs: checkoutMs } = await loadOnce(checkout, bytes);
        turns.push({ ...(await loadOnce(published, bytes)), checkoutMs, jcoMs: await askJco(jco, file) });
      }
      const peer = figure('jco serve, start to first answer', 'ms', median(turns.map((t) => t.jcoMs)));
      const fromBytes = median(turns.map((t) => t.fromBytesMs));
      return [
        figure('size of the component', 'MiB', bytes.length / 1024 / 1024),
        figure('bytes to first answer', 'ms', fromBytes, PROMISED_MS.fromBytes),
        figure('bytes to first answer, from a checkout', 'ms', median(turns.map((t) => t.checkoutMs))),
        figure('first answer once ready', 'ms', median(turns.map((t) => t.readyMs)), PROMISED_MS.ready),
        figure('third answer, a fresh instance like all', 'ms', median(turns.map((t) => t.againMs))),
        peer,
        compared('bytes to first answer, against jco serve', fromBytes, peer),
      ];
    } finally {
      await rm(home, { recursive: true });
    }
  },
};
