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
import { makeOwnerKey, showOwners } from './demo-owners.ts';

const ROOT = resolve(import.meta.dirname, '..');
const HOME = join(ROOT, '.anchorhold/demo');
const LOOKUP = 'lookup.hospital-a.example';

let passed = 0;
let failed = 0;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Opens a part of the demo, and says in a sentence or two what it shows. */
function heading(title: string, ...meaning: readonly string[]): void {
  say(`\n== ${title}`);
  for (const line of meaning) say(`   ${line}`);
  say('');
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
  say(`      ${outcome.length > 240 ? `${outcome.slice(0, 240)}…` : outcome}`);
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
  say(
    'A hospital lets researchers ask about its patients, on a machine that somebody else runs. This demo shows what is possible, and what is not.',
  );
  say(
    'Under each step stands what was really answered. " ok " means that it ended as it must; that is often a refusal.',
  );
  say('SIMULATED: the processor is simulated, so nothing here is protected. The checks are the real ones.');
  await rm(HOME, { recursive: true, force: true });
  await mkdir(HOME, { recursive: true });

  heading(
    'Before anything runs',
    'The code that will work on the data is built. Each piece has a digest, a fingerprint that changes with every byte:',
  );
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
  // Who may replace it, and who may join: each with a key of their own.
  const keys = { a: await makeOwnerKey(HOME, 'hospital-a'), b: await makeOwnerKey(HOME, 'hospital-b') };
  const written = `${policy}\nchanges: { keys: ["${keys.a}"], needed: 1 }\n`;
  await writeFile(join(HOME, 'hospital-a.yaml'), written);
  say(
    '\n   The hospital writes down who may ask and where the code may connect. What is not written here is not allowed:\n',
  );
  say(written);

  heading(
    'The machine starts',
    'The worker is the program in the sealed machine. It holds the code and the policy, and opens one address.',
    'The trust file is the list of what a client demands of it.',
  );
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
    '--owner',
    `hospital-b=${keys.b}`,
    '--egress-root',
    'lookup-ca.pem',
  ]);
  say(`      address    ${url}`);
  say(`      trust file ${trust}`);

  try {
    const analyst = certificateCredential(people.analyst);
    const stranger = certificateCredential(people.stranger);
    const clinician = tokenCredential({ token: people.clinicianToken });
    const patient = '{"age": 61, "systolic": 150, "cigarettes": 10}';

    heading(
      'First window: who may ask',
      'Researchers may ask for scores and look-ups, clinicians for scores only, everybody else for nothing.',
      'A refusal names the owner, the file and the line that decided.',
    );
    await step(
      'Before it sends anything, the client checks the machine, its code and the policy',
      /^accept, SIMULATED/,
      async () => {
        await using session = new SecureSession(url, { trust });
        const { verdict, simulated, checks } = await session.attest();
        const ok = checks.filter((check) => check.outcome === 'pass').length;
        return `${verdict}, ${simulated ? 'SIMULATED' : 'AMD'}, ${ok} checks passed`;
      },
    );
    await step('A researcher, known by a certificate of the hospital, gets a score', /^200 .*score/, () =>
      ask(url, trust, analyst, '/risk-score', patient),
    );
    await step('A clinician, known by the login of the hospital, gets a score', /^200 .*score/, () =>
      ask(url, trust, clinician, '/risk-score', patient),
    );
    await step(
      'Somebody of Marketing shows a real certificate of the same authority: refused',
      /^401 .*hospital-a\.yaml:\d+/,
      () => ask(url, trust, stranger, '/risk-score', patient),
    );
    await step('Somebody who proves nothing: refused', /^403 .*hospital-a\.yaml:\d+/, () =>
      ask(url, trust, null, '/risk-score', patient),
    );
    await step(
      'A clinician asks for a look-up, which is only for researchers: refused',
      /^403 .*hospital-a\.yaml:\d+/,
      () => ask(url, trust, clinician, '/fetcher', 'x'),
    );

    heading(
      'Second window: where the code may connect',
      'Suppose that the code wants to carry data out. One address is listed: the look-up service of the hospital, below /v1/.',
      'The researcher asks the code to try others. The code has no network of its own; all it gets back is what stands below each step.',
    );
    const fetchOf = (target: string) => async (): Promise<string> => {
      const answer = await ask(url, trust, analyst, '/fetcher', target);
      return answer.replace(/^200 /, `${target}  ->  `);
    };
    await step(
      'The look-up service that is listed: the code gets an answer',
      /lookup says hello/,
      fetchOf(`https://${host}/v1/42`),
    );
    const DENIED = /->  error HTTP-request-denied/;
    await step('A host that is not listed: denied', DENIED, fetchOf('https://elsewhere.example/v1/42'));
    await step(
      'A host that only begins like the listed one: denied',
      DENIED,
      fetchOf(`https://${LOOKUP}.evil.test:${lookup.port}/v1/42`),
    );
    await step('The listed host, but another path: denied', DENIED, fetchOf(`https://${host}/v2/42`));
    await step(
      'The address where clouds keep the passwords of a machine: denied',
      DENIED,
      fetchOf('http://169.254.169.254/latest/meta-data'),
    );
    await step(
      'The number of the listed host instead of its name: denied',
      DENIED,
      fetchOf(`https://127.0.0.1:${lookup.port}/v1/42`),
    );
    await step(
      'The listed host sends the code elsewhere (a redirect): the code is told, nobody follows',
      /->  status 302/,
      fetchOf(`https://${host}/v1/moved`),
    );
    await step('And going there itself: denied', DENIED, fetchOf('https://elsewhere.example/v1/1'));

    heading(
      'Impostors: machines that are not what they say',
      'Each stands where the worker should be. The client finds out by itself and sends nothing: not one byte of the question.',
      'NotAnEnclave: not proven to be a sealed machine. InvalidEnclaveCode: sealed, but other code. NotIsolated: right code, but not sealed enough.',
    );
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

    heading(
      'A second owner: everyone who lists the code must agree',
      'Hospital B lets its patients be scored by the same code, in the same machine, while it runs. Authority is in signatures alone.',
      'Each command checks the machine before it sends anything, and the machine signs what it did.',
    );
    const askAs = (who: 'analyst' | 'clinician', file: string): Promise<string> =>
      ask(url, file, who === 'analyst' ? analyst : clinician, '/risk-score', patient);
    await showOwners({ home: HOME, url, trust, step, askAs }, keys.b);
  } finally {
    child.kill();
    lookup.close();
  }
  say(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

await main();
