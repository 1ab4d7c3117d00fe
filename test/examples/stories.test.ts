/** The three owner stories hold: their pages run from top to bottom, their policies say what the story says, and refusals name the right owner. */
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { decideEgressForAll, decideQueryForAll } from '../../src/policy/combine.ts';
import { parseOwnerPolicy, runPolicyTests } from '../../src/policy/index.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';
import { decideResult } from '../../src/policy/results.ts';
import { functions } from '../e2e/worker.ts';
import { alternativeNames, issue, issueAuthority } from '../fixtures/certificates.ts';
import { copyExample, type Ran, runIn, runReadme, runStory, type Story, startWorker, TYPED } from './run-story.ts';

const OWNERS = {
  'joint-study': ['hospital', 'group-north', 'group-south'],
  'saas-model': ['vendor', 'customer'],
  'payment-check': ['shop'],
} as const;
const stories = new Map<string, Story>();

beforeAll(async () => {
  for (const name of Object.keys(OWNERS)) stories.set(name, await runStory(name));
}, 120_000);
afterAll(() => {
  for (const story of stories.values()) story[Symbol.dispose]();
});

const storyOf = (name: string): Story => {
  const story = stories.get(name);
  if (story === undefined) throw new Error(`there is no story ${name}`);
  return story;
};
function policiesOf(name: keyof typeof OWNERS): readonly OwnerPolicy[] {
  const { folder, read } = storyOf(name);
  return OWNERS[name].map((owner) =>
    parseOwnerPolicy(read(`${owner}.yaml`), {
      file: `${owner}.yaml`,
      references: (file) => Uint8Array.from(readFileSync(join(folder, file))),
    }),
  );
}
const digestOf = (fn: string): string => formatDigest(sha256(functions.get(fn) ?? new Uint8Array()));
const now = new Date();
const calls = (story: Story): readonly Ran[] => story.ran.filter(({ command }) => command.startsWith('call '));

describe.each(Object.keys(OWNERS) as (keyof typeof OWNERS)[])('the story %s', (name) => {
  it('runs: callers are made, every policy is read back, and its tests pass', () => {
    const { ran } = storyOf(name);
    const wrong = ran.filter(({ command, exit }) => /^(caller|policy (show|test|check))/.test(command) && exit !== 0);
    expect(wrong).toEqual([]);
    const tested = ran.filter(({ command }) => command.startsWith('policy test'));
    expect(tested.map(({ command }) => command).toSorted()).toEqual(
      OWNERS[name].map((owner) => `policy test ${owner}.yaml`).toSorted(),
    );
    for (const { out } of tested) expect(out).toMatch(/^\d+ passed, 0 failed$/m);
  });

  it('has policies for exactly its owners, whose tests ask for both outcomes and both windows', () => {
    const { folder } = storyOf(name);
    const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
    expect(files.toSorted()).toEqual(OWNERS[name].map((owner) => `${owner}.yaml`).toSorted());
    for (const policy of policiesOf(name)) {
      expect(runPolicyTests(policy).filter(({ passed }) => !passed)).toEqual([]);
      const kinds = new Set(policy.tests.map(({ window, expect: wanted }) => `${window} ${wanted}`));
      expect([...kinds]).toEqual(expect.arrayContaining(['query allow', 'query deny', 'egress deny']));
      // Where nothing may leave there is nothing to allow.
      expect(kinds.has('egress allow')).toBe(policy.egress.length > 0);
    }
  });

  it('lists code that is built from this repository', () => {
    const known = new Set([...functions.keys()].map(digestOf));
    for (const policy of policiesOf(name)) for (const { digest } of policy.functions) expect(known).toContain(digest);
  });
});

describe('a hospital and two research groups', () => {
  const ask = (path: string, caller: string) =>
    decideQueryForAll(
      policiesOf('joint-study').map((policy) => ({ policy, callers: new Set([caller]) })),
      { method: 'POST', path, functionDigest: digestOf('risk-score'), now },
    );

  it('give scores to both groups, and many at once to nobody: the third owner is named with file and line', () => {
    const [early, score, batch] = calls(storyOf('joint-study'));
    // Nothing runs before every owner has loaded what the file names.
    expect([early?.exit, early?.out]).toEqual([31, '']);
    const loaded = storyOf('joint-study').ran.filter(({ command }) => command.startsWith('data put'));
    expect(loaded.map(({ exit }) => exit)).toEqual([0, 0, 0]);
    expect(score).toMatchObject({ exit: 0, out: expect.stringContaining('"score"') });
    expect(batch?.exit).toBe(21);
    expect(batch?.err).toMatch(/group-south\.yaml:\d+/);
    expect(batch?.err).toContain('group-south');
  });

  it('decide together: whoever of them refuses is named, wherever its file stands', () => {
    expect(ask('/risk-score', 'north').outcome).toBe('allow');
    expect(ask('/risk-score', 'south').outcome).toBe('allow');
    expect(ask('/risk-score/batch', 'north')).toMatchObject({ outcome: 'deny', owner: 'group-south' });
    expect(ask('/risk-score/batch', 'south')).toMatchObject({ outcome: 'deny', owner: 'hospital' });
    expect(ask('/risk-score', 'nobody')).toMatchObject({ outcome: 'deny', owner: 'hospital' });
  });

  it('let the code connect only where all three would: one is enough to refuse', () => {
    const request = {
      method: 'GET',
      url: 'https://codes.study.example/icd10/I21',
      functionDigest: digestOf('fetcher'),
      now,
    };
    const policies = policiesOf('joint-study');
    expect(decideEgressForAll(policies, request)).toMatchObject({ outcome: 'deny', owner: 'group-south' });
    expect(decideEgressForAll(policies.slice(0, 2), request)).toMatchObject({ outcome: 'allow' });
  });

  it('can each take a caller back: the file names it, with a higher version', async () => {
    const story = storyOf('joint-study');
    expect(story.read('hospital.yaml')).toMatch(/^version: 2$/m);
    expect(story.ran.at(-1)).toMatchObject({ command: expect.stringMatching(/^policy push /), exit: 0 });
    const { out } = await story.run('policy', 'show', 'hospital.yaml');
    expect(out).toMatch(
      /What no longer proves anything\n {2}- certificates for the public key spki-sha256:[0-9a-f]{64}/,
    );
  });
});

describe('a model whose vendor must not see the prompts', () => {
  it('answers the customer, and refuses the vendor’s staff although the vendor’s own file would let them', () => {
    const [dora, victor] = calls(storyOf('saas-model'));
    expect(dora).toMatchObject({ exit: 0, out: expect.stringContaining('"score"') });
    expect(victor?.exit).toBe(21);
    expect(victor?.err).toMatch(/customer\.yaml:\d+/);
    const [vendor, customer] = policiesOf('saas-model');
    const asked = { method: 'POST', path: '/model', functionDigest: digestOf('risk-score'), now };
    const decide = (policy: OwnerPolicy | undefined, callers: readonly string[]) =>
      policy === undefined ? null : decideQueryForAll([{ policy, callers: new Set(callers) }], asked).outcome;
    expect([decide(vendor, ['support']), decide(customer, ['support'])]).toEqual(['allow', 'deny']);
  });

  it('has no way out for the code, and lets short JSON out and nothing else', () => {
    const policies = policiesOf('saas-model');
    for (const url of ['https://telemetry.vendor.example/usage', 'http://127.0.0.1/', 'https://customer.example/'])
      expect(
        decideEgressForAll(policies, { method: 'POST', url, functionDigest: digestOf('risk-score'), now }).outcome,
      ).toBe('deny');
    const [, customer] = policies;
    const out = (bytes: number, contentType: string) =>
      customer === undefined ? null : decideResult(customer, { status: 200, contentType, bytes }).outcome;
    expect([out(256, 'application/json'), out(257, 'application/json'), out(10, 'text/plain')]).toEqual([
      'allow',
      'deny',
      'deny',
    ]);
  });
});

describe('a payment check that may reach one bank', () => {
  it('gets nothing from anywhere else, whatever the caller asks of it', () => {
    const made = calls(storyOf('payment-check'));
    expect(storyOf('payment-check').ran.at(-1)).toMatchObject({
      command: expect.stringMatching(/^secret put /),
      exit: 0,
    });
    expect(made).toHaveLength(2);
    for (const { exit, out } of made) expect([exit, out.trim()]).toEqual([0, 'error HTTP-request-denied']);
  });

  it('has one rule, with a credential that the code never sees and a secret that the worker may hold', () => {
    const [shop] = policiesOf('payment-check');
    expect(shop?.egress).toMatchObject([
      { methods: ['GET'], host: 'api.bank.example', credential: { header: 'authorization', secret: 'bank-token' } },
    ]);
    expect(shop?.secrets).toEqual(['bank-token']);
    const explained = storyOf('payment-check').ran.find(({ command }) =>
      command.startsWith('policy explain shop.yaml GET'),
    );
    expect(explained).toMatchObject({ exit: 21, out: expect.stringContaining('on this host it allows only') });
  });
});

describe('the bank of the payment check', () => {
  it('gets the password that the worker puts in; the code and the caller never see it', async () => {
    const { top, folder } = copyExample('payment-check');
    const authority = issueAuthority('Bank CA');
    const names = [alternativeNames({ dNSName: 'api.bank.example' })];
    const bank = issue([['CN', 'api.bank.example']], authority, { extensions: names });
    const seen: (string | undefined)[] = [];
    const server = createServer({ key: bank.privateKeyPem, cert: bank.pem }, (request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(200, { 'content-type': 'text/plain' }).end(`account ${request.url} exists`);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const host = `api.bank.example:${(server.address() as AddressInfo).port}`;
    writeFileSync(join(folder, 'bank-ca.pem'), authority.pem);
    const shop = readFileSync(join(folder, 'shop.yaml'), 'utf8').replaceAll(
      'https://api.bank.example/',
      `https://${host}/`,
    );
    writeFileSync(join(folder, 'shop.yaml'), shop);
    const run = (line: string): Promise<Ran> => runIn(folder, line.split(' '));
    await run('caller new till --kind certificate --san checkout@shop.example');
    await run('owner new shop');
    const dev = 'dev --policy shop.yaml --function payment-check=../functions/fetcher/fetcher.wasm';
    const worker = await startWorker(
      folder,
      `${dev} --name api.bank.example=127.0.0.1 --egress-root bank-ca.pem`.split(' '),
    );
    try {
      const check = `call ${worker.url} /payment-check --cert callers/till.pem --key callers/till.key --data https://${host}/v1/accounts/DE89`;
      expect(await run(check)).toMatchObject({ exit: 0, out: expect.stringContaining('error HTTP-request-denied') });
      expect(seen).toEqual([]);
      expect(await run(`secret put ${worker.url} bank-token --key shop.owner.key`)).toMatchObject({ exit: 0 });
      const { exit, out } = await run(check);
      expect([exit, out.trim()]).toEqual([0, 'status 200\naccount /v1/accounts/DE89 exists']);
      expect(seen).toEqual([TYPED]);
      expect(out).not.toContain('bank-password');
    } finally {
      await worker.stop();
      server.closeAllConnections();
      server.close();
      rmSync(top, { recursive: true });
    }
  }, 60_000);
});

describe('README', () => {
  it('leads an owner who has never seen the project from a key to an answer and a refusal', async () => {
    using readme = await runReadme();
    const exits = readme.ran.map(({ command, exit }) => [command.split(' ').slice(0, 2).join(' '), exit]);
    expect(exits).toEqual([
      ['caller new', 0],
      ['policy check', 0],
      ['policy show', 0],
      ['policy test', 0],
      ['policy explain', 0],
      ['policy explain', 21],
      [expect.stringMatching(/^call /), 0],
      [expect.stringMatching(/^call /), 21],
    ]);
    const [answer, refusal] = calls(readme);
    expect(answer?.out).toContain('"score"');
    expect(refusal?.err).toMatch(/hospital-a\.yaml:\d+/);
  }, 60_000);
});
