/**
 * Runs one service of the suite as a function of WASI 0.3: the requests of its specification are queries, and the servers that it asks for are
 * the only ones that it may reach, beside a name that does not exist.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { sha256 } from '../src/base/digest.ts';
import { openRunEgress } from '../src/cli/run-egress.ts';
import { readWhole } from '../src/enclave/sandbox/body.ts';
import { DEFAULT_FUNCTION_LIMITS, loadFunction, type SandboxedFunction } from '../src/enclave/sandbox/load.ts';
import { NO_GROUPS } from '../src/enclave/sandbox/resource-groups.ts';
import type { FunctionResponse } from '../src/enclave/sandbox/sandbox.ts';
import { NO_SOCKET_EGRESS } from '../src/enclave/sandbox/socket-egress.ts';
import { openServers, type ServerSpec } from './http-servers.ts';

interface Query {
  readonly type: 'request';
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly response: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  };
}

interface ServiceSpec {
  readonly world?: string;
  readonly servers?: readonly ServerSpec[];
  readonly operations: readonly (Query | { readonly type: 'run' | 'kill' | 'wait' })[];
}

const WORLD = 'wasi:http/service';
const DEADLINE_MS = 20_000;
/** A machine that is busy with other tests takes its time. */
const START_DEADLINE_MS = 60_000;
const MAX_BODY_BYTES = 1024 * 1024;
const NOBODY = 'nonexistent.invalid:80';

function readSpec(modulePath: string): ServiceSpec | null {
  try {
    return JSON.parse(readFileSync(modulePath.replace(/\.wasm$/, '.json'), 'utf8')) as ServiceSpec;
  } catch {
    return null;
  }
}

/** Tells whether a module of the suite is a service. */
export function isService(modulePath: string): boolean {
  return readSpec(modulePath)?.world === WORLD;
}

/** Says what is not as it should be; null when everything is. */
async function compare({ response: wanted }: Query, answer: FunctionResponse): Promise<string | null> {
  const body = await readWhole(answer.body, MAX_BODY_BYTES);
  if (answer.status !== wanted.status) return `status ${answer.status} instead of ${wanted.status}`;
  const headers = new Map(answer.headers);
  const other = Object.entries(wanted.headers ?? {}).find(([name, value]) => headers.get(name) !== value);
  if (other !== undefined) return `header ${other[0]} is ${headers.get(other[0])}`;
  const text = body === null ? null : Buffer.from(body).toString();
  return wanted.body === undefined || text === wanted.body ? null : `body is ${JSON.stringify(text)}`;
}

/** Runs a service; gives null when it passes, or why it fails. */
export async function runServiceTest(modulePath: string): Promise<string | null> {
  const spec = readSpec(modulePath);
  if (spec === null) return 'there is no specification beside it';
  const bytes = readFileSync(modulePath);
  const digest = sha256(bytes);
  const servers = await openServers(spec.servers ?? []);
  const logged: string[] = [];
  const anywhere = [...servers.authorities, NOBODY].flatMap((authority) => [
    `http://${authority}/`,
    `http://${authority}/**`,
  ]);
  const allow = [...anywhere, ...servers.slashed];
  const egress = openRunEgress(allow, digest);
  let service: SandboxedFunction | null = null;
  try {
    service = await loadFunction({
      bytes,
      digest,
      name: basename(modulePath, '.wasm'),
      limits: { ...DEFAULT_FUNCTION_LIMITS, wasi: ['0.2', '0.3'], spareMs: 0, startDeadlineMs: START_DEADLINE_MS },
      groups: NO_GROUPS,
      mounts: [],
      answerType: 'application/octet-stream',
      env: servers.env,
      onNotice: () => undefined,
      onLog: (line) => void logged.push(line),
    });
    for (const operation of spec.operations) {
      if (operation.type !== 'request') continue;
      const { method, path, headers = {}, body = '' } = operation;
      const query = { method, path, authority: 'localhost', headers: Object.entries(headers), body: Buffer.from(body) };
      const terms = {
        egress,
        sockets: NO_SOCKET_EGRESS,
        caller: '',
        deadlineMs: DEADLINE_MS,
        whenGone: () => undefined,
      };
      const flaw = await compare(operation, await service.call(query, terms));
      if (flaw !== null) return `${method} ${path}: ${flaw}`;
    }
    return null;
  } catch (e) {
    return `${e instanceof Error ? e.message : String(e)}${logged.length === 0 ? '' : `: ${logged.join(' ')}`}`;
  } finally {
    await service?.close();
    await servers.close();
  }
}
