/**
 * The demo: a worker on a simulated AMD in a process of its own, an owner's policy, two callers, and every refusal. Prints each step as
 * a person would want to read it, and ends with `N passed, 0 failed`. Everything listens on loopback only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { makeCredentials, type PemPair } from '../examples/hospital/credentials.ts';
import { type Credential, certificateCredential, SecureSession, tokenCredential } from '../src/index.ts';
import { buildFunctions } from './build-functions.ts';
import { createImpostors } from './demo-impostors.ts';

const ROOT = resolve(import.meta.dirname, '..');
const HOME = join(ROOT, '.anchorhold/demo');
const LOOKUP = 'lookup.hospital-a.example';

let passed = 0;
let failed = 0;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function heading(text: string): void {
  say(`\n== ${text}`);
}

/** Runs one step and holds its outcome (an answer, or the code of an error) against what it must be. */
async function step(what: string, must: RegExp, run: () => Promise<string>): Promise<void> {
  let outcome: string;
  try {
    outcome = await run();
  } catch (error) {
    const { name, code, message } = error as { name?: string; code?: string; message?: string };
    outcome = `${name} ${code}: ${message}`;
  }
  outcome = outcome.replaceAll('\n', ' ').trim();
  const ok = must.test(outcome);
  if (ok) passed += 1;
  else failed += 1;
  say(`${ok ? ' ok ' : 'FAIL'} ${what}`);
  say(`      ${outcome.slice(0, 240)}`);
  if (!ok) say(`      expected ${must}`);
}

/** Starts the worker and waits for the line that tells its address and trust file. */
async function startWorker(args: readonly string[]): Promise<{ child: ChildProcess; url: string; trust: string }> {
  const child = spawn(join(ROOT, 'bin/anchorhold'), ['dev', '--json', ...args], {
    cwd: HOME,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const { url, trust } = JSON.parse(line) as { url: string; trust: string };
    return { child, url, trust };
  }
  throw new Error('the worker ended before it listened');
}

/** The service the owner lists: answers under /v1/, and one address there redirects to a host that is not listed. */
async function startLookup(pair: PemPair): Promise<{ port: number; close(): void }> {
  const server = createServer({ key: pair.keyPem, cert: pair.certPem }, (request, response) => {
    if (request.url === '/v1/moved') {
      response.writeHead(302, { location: 'https://elsewhere.example/v1/1' }).end();
    } else {
      response.writeHead(200, { 'content-type': 'text/plain' }).end(`lookup says hello to ${request.url}`);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

/** Asks the worker once, and gives status, body and, for a refusal, who refused and where it is written. */
async function ask(
  url: string,
  trust: string,
  credential: Credential | null,
  path: string,
  body: string,
): Promise<string> {
  await using session = new SecureSession(url, { trust, ...(credential === null ? {} : { credential }) });
  const response = await session.post(path, body);
  const text = await response.text();
  if (response.headers.get('content-type') !== 'application/problem+json') return `${response.status} ${text}`;
  const { code, detail, owner, rule } = JSON.parse(text) as Record<string, string>;
  return `${response.status} ${code}: ${detail} (${owner}, ${rule})`;
}

async function main(): Promise<void> {
  say('SIMULATED: this demo runs on a simulated AMD. The checks are the real ones; the hardware is not.');
  await rm(HOME, { recursive: true, force: true });
  await mkdir(HOME, { recursive: true });

  heading('The code is built, the callers get their credentials, the owner writes a policy');
  for (const { name, path, bytes, digest } of await buildFunctions()) {
    await writeFile(path, bytes);
    say(`      ${name} ${digest}`);
  }
  const people = await makeCredentials(LOOKUP, new Date());
  await writeFile(join(HOME, 'research-ca.pem'), people.researchCaPem);
  await writeFile(join(HOME, 'jwks.json'), people.jwks);
  await writeFile(join(HOME, 'lookup-ca.pem'), people.lookupCaPem);
  const lookup = await startLookup(people.lookup);
  const host = `${LOOKUP}:${lookup.port}`;
  // The example names the real port; the demo's service got a free one.
  const policy = (await readFile(join(ROOT, 'examples/hospital/hospital-a.yaml'), 'utf8')).replaceAll(
    `${LOOKUP}/`,
    `${host}/`,
  );
  await writeFile(join(HOME, 'hospital-a.yaml'), policy);
  say(policy);

  heading('A worker boots on a simulated AMD, in a process of its own');
  const functions = {
    'risk-score': join(ROOT, 'examples/functions/risk-score/risk-score.wasm'),
    fetcher: join(ROOT, 'examples/functions/fetcher/fetcher.wasm'),
  };
  const { child, url, trust } = await startWorker([
    '--port',
    '0',
    '--policy',
    'hospital-a.yaml',
    '--state',
    '../simulated-amd',
    ...Object.entries(functions).flatMap(([name, file]) => ['--function', `${name}=${file}`]),
    '--name',
    `${LOOKUP}=127.0.0.1`,
    '--egress-root',
    'lookup-ca.pem',
  ]);
  say(`      ${url}, trust file ${trust}`);

  try {
    const analyst = certificateCredential(people.analyst);
    const stranger = certificateCredential(people.stranger);
    const clinician = tokenCredential({ token: people.clinicianToken });
    const patient = '{"age": 61, "systolic": 150, "cigarettes": 10}';

    heading('First window: who may ask');
    await step('the client verifies the worker before it sends anything', /^accept, SIMULATED/, async () => {
      await using session = new SecureSession(url, { trust });
      const { verdict, simulated, checks } = await session.attest();
      const ok = checks.filter((check) => check.outcome === 'pass').length;
      return `${verdict}, ${simulated ? 'SIMULATED' : 'AMD'}, ${ok} checks passed`;
    });
    await step('an analyst (certificate) is answered', /^200 .*score/, () =>
      ask(url, trust, analyst, '/risk-score', patient),
    );
    await step('a clinician (token) is answered', /^200 .*score/, () =>
      ask(url, trust, clinician, '/risk-score', patient),
    );
    await step('someone with a certificate of another department is refused', /^401 .*hospital-a\.yaml:\d+/, () =>
      ask(url, trust, stranger, '/risk-score', patient),
    );
    await step('someone without a proof is refused', /^403 .*hospital-a\.yaml:\d+/, () =>
      ask(url, trust, null, '/risk-score', patient),
    );
    await step('a clinician may not ask the fetcher', /^403 .*hospital-a\.yaml:\d+/, () =>
      ask(url, trust, clinician, '/fetcher', 'x'),
    );

    heading('Second window: where the code may connect');
    const fetchOf = (target: string) => (): Promise<string> => ask(url, trust, analyst, '/fetcher', target);
    await step('the listed host answers', /^200 .*lookup says hello/, fetchOf(`https://${host}/v1/42`));
    const DENIED = /HTTP-request-denied/;
    await step('an unlisted host is denied', DENIED, fetchOf('https://elsewhere.example/v1/42'));
    await step(
      'a listed host with a suffix is denied',
      DENIED,
      fetchOf(`https://${LOOKUP}.evil.test:${lookup.port}/v1/42`),
    );
    await step('another path of the listed host is denied', DENIED, fetchOf(`https://${host}/v2/42`));
    await step('the metadata address is denied', DENIED, fetchOf('http://169.254.169.254/latest/meta-data'));
    await step('an address instead of the name is denied', DENIED, fetchOf(`https://127.0.0.1:${lookup.port}/v1/42`));
    await step('a redirect is handed back, not followed', /302/, fetchOf(`https://${host}/v1/moved`));
    await step('and asking where it leads is denied', DENIED, fetchOf('https://elsewhere.example/v1/1'));

    heading('Impostors: each gets its own error, and not one byte of the question');
    for await (const impostor of createImpostors({
      url,
      trust,
      state: join(ROOT, '.anchorhold/simulated-amd'),
      home: HOME,
      functions,
    })) {
      await step(impostor.what, impostor.must, async () => {
        const outcome = await ask(impostor.url, impostor.trust, analyst, '/risk-score', patient).catch(
          (error: unknown) => {
            const { name, code, message } = error as Error & { code?: string };
            return `${name} ${code}: ${message}`;
          },
        );
        return impostor.sawQuestion() ? `the impostor saw the question (${outcome})` : outcome;
      });
    }
  } finally {
    child.kill();
    lookup.close();
  }
  say(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

await main();
