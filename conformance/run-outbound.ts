/**
 * Runs one of the guests of bytecodealliance/jco that send HTTP requests, as a program of WASI 0.3: where nothing is allowed it must end without
 * a connection, and where its servers are allowed it must succeed. Nobody answers at the address that it expects no answer from.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { basename } from 'node:path';
import { sha256 } from '../src/base/digest.ts';
import { openRunEgress } from '../src/cli/run-egress.ts';
import { DEFAULT_FUNCTION_LIMITS, loadCommand } from '../src/enclave/sandbox/load.ts';
import { NO_GROUPS } from '../src/enclave/sandbox/resource-groups.ts';
import { FunctionError } from '../src/errors.ts';
import { openHttpClient } from '../src/io/http-client.ts';
import { dialTcp } from '../src/io/http-connection.ts';

/** Longer than a connection may take. */
const DEADLINE_MS = 20_000;
/** A machine that is busy with other tests takes its time. */
const START_DEADLINE_MS = 60_000;
/** An address of a network that there is not, and a name that has no address. [RFC 5737] */
const SILENT = '203.0.113.12';
const NOBODY = 'some.invalid.dnsname:3000';

/** Whether a module is one of these guests. */
export function isOutbound(modulePath: string): boolean {
  return basename(modulePath).startsWith('p3-http-outbound-request-');
}

/** Says at once what was asked, and then gives back what comes. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  const { method = '', url = '', headers } = request;
  const length = headers['content-length'];
  response.writeHead(200, {
    'x-wasmtime-test-method': method,
    'x-wasmtime-test-uri': url,
    ...(length === undefined ? {} : { 'content-length': length }),
  });
  response.flushHeaders();
  request.pipe(response);
}

interface Outcome {
  /** Its exit code, or the code of the error that it ended with. */
  readonly ended: number | string;
  readonly words: string;
  readonly dialled: readonly string[];
}

async function run(modulePath: string, isAllowed: boolean): Promise<Outcome> {
  const server = createServer(echo);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const authority = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const urls = [authority, NOBODY, SILENT].flatMap((to) => [`http://${to}/`, `http://${to}/**`]);
  const dialled: string[] = [];
  const client = openHttpClient('system', (address, port) => {
    dialled.push(`${address} ${port}`);
    return address === SILENT ? new Socket() : dialTcp(address, port);
  });
  const bytes = readFileSync(modulePath);
  const digest = sha256(bytes);
  const logged: string[] = [];
  const program = await loadCommand({
    bytes,
    digest,
    name: basename(modulePath, '.wasm'),
    limits: { ...DEFAULT_FUNCTION_LIMITS, wasi: ['0.2', '0.3'], startDeadlineMs: START_DEADLINE_MS },
    groups: NO_GROUPS,
    mounts: [],
    answerType: 'application/octet-stream',
    env: [],
    onNotice: () => undefined,
    onLog: (line) => void logged.push(line),
  });
  try {
    const request = {
      args: ['guest'],
      env: [['HTTP_SERVER', authority] as const],
      stdin: new Uint8Array(0),
      mounts: [],
    };
    const exit = await program.run(request, DEADLINE_MS, openRunEgress(isAllowed ? urls : [], digest, client));
    return { ended: exit.code, words: Buffer.from(exit.stderr).toString().trim(), dialled };
  } catch (e) {
    if (!(e instanceof FunctionError)) throw e;
    return { ended: e.code, words: logged.join(' '), dialled };
  } finally {
    await program.close();
    server.closeAllConnections();
    server.close();
  }
}

/** Runs a guest for which nothing is allowed; gives null when it ended by itself and nobody was dialled. */
export async function runWithoutRule(modulePath: string): Promise<string | null> {
  const { ended, dialled } = await run(modulePath, false);
  if (dialled.length > 0) return `it was connected to ${dialled.join(', ')}`;
  return ended === 'ERR_FUNCTION_DEADLINE' ? 'it did not end' : null;
}

/** Runs a guest whose servers are allowed; gives null when it succeeds. */
export async function runWithRule(modulePath: string): Promise<string | null> {
  const { ended, words } = await run(modulePath, true);
  return ended === 0 ? null : `it ended with ${ended}: ${words}`;
}
