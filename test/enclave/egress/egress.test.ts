import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { formatDigest, sha256 } from '../../../src/base/digest.ts';
import { openAuditLog } from '../../../src/enclave/audit.ts';
import { readWhole } from '../../../src/enclave/sandbox/body.ts';
import type { EgressRequest } from '../../../src/enclave/sandbox/sandbox.ts';
import { ConfigurationError } from '../../../src/errors.ts';
import { issueAuthority } from '../../fixtures/certificates.ts';
import { drain } from '../bodies.ts';
import {
  authority,
  DIGEST,
  NOW,
  openServer,
  openWorld,
  outcomeOf,
  PUBLIC,
  PUBLIC6,
  policyOf,
  serverCertificate,
  type TestServer,
  type World,
} from './world.ts';

const certificate = serverCertificate(['api.example.com', 'x.wild.example.com']);
const pinOf = (key: typeof certificate): string =>
  formatDigest(sha256(key.publicKey.export({ type: 'spki', format: 'der' })));

let server: TestServer;
let plain: TestServer;
beforeAll(async () => {
  server = await openServer(certificate, (request, response) => {
    if (request.url === '/v1/redirect') response.writeHead(302, { location: 'https://evil.example/' }).end();
    else if (request.url === '/v1/large') response.end('x'.repeat(5000));
    else if (request.url === '/v1/head') response.writeHead(200, { 'x-large': 'x'.repeat(20_000) }).end();
    else if (request.url === '/v1/wide') response.writeHead(200, { 'x-large': 'x'.repeat(5000) }).end();
    else if (request.url === '/v1/never') response.flushHeaders();
    else if (request.url === '/v1/mute') return;
    else if (request.url === '/v1/cut')
      response.writeHead(200, { 'content-length': '10' }).write('half', () => response.destroy());
    else if (request.url === '/v1/zip')
      response
        .writeHead(200, {
          'content-encoding': 'gzip',
          'set-cookie': ['a=1', 'b=2'],
          'keep-alive': 'timeout=5',
          'proxy-authenticate': 'x',
        })
        .end('not gzip');
    else response.end('hello');
  });
  plain = await openServer('plain');
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await plain[Symbol.asyncDispose]();
});

const OTHER = `sha256:${'cd'.repeat(32)}` as const;
const RULE = '- to: https://api.example.com/v1/**\n  methods: [GET, POST]';
const DNS = { 'api.example.com': [PUBLIC] };

function world(overrides: Partial<Parameters<typeof openWorld>[0]> = {}, rule = RULE): World {
  return openWorld({ policies: [policyOf(rule)], dns: DNS, ports: { 443: server.port, 80: plain.port }, ...overrides });
}

function expectUntouched({ resolved, dialled }: World): void {
  expect({ resolved, dialled }).toEqual({ resolved: [], dialled: [] });
}

describe('egress that the owner allows', () => {
  it('reaches the listed host at the address that was resolved, and is one record', async () => {
    const w = world();
    const seen = server.seen.length;
    const answer = await w.ask('https://api.example.com/v1/lookup?q=1', {
      method: 'POST',
      headers: [
        ['X-One', '1'],
        ['x-one', '2'],
        ['cookie', 'a=b'],
        ['host', 'api.example.com'],
        ['content-length', '2'],
      ],
      body: encodeUtf8('hi'),
    });
    expect(answer).toMatchObject({ status: 200, body: encodeUtf8('hello') });
    expect(w.resolved).toEqual(['api.example.com']);
    expect(w.dialled).toEqual([`${PUBLIC} 443`]);
    const [request] = server.seen.slice(seen);
    expect(request).toMatchObject({ method: 'POST', url: '/v1/lookup?q=1', body: 'hi' });
    const headers = (request?.rawHeaders ?? []).map((text) => text.toLowerCase());
    expect(headers.filter((name) => name === 'host').length).toBe(1);
    expect(headers).toContain('api.example.com');
    expect(headers.filter((name) => name === 'x-one').length).toBe(2);
    expect(w.audit.recent()).toEqual([
      {
        time: NOW,
        kind: 'egress',
        outcome: 'allow',
        owner: 'hospital-a',
        rule: 'policy.yaml:7',
        caller: null,
        function: DIGEST,
        target: 'POST https://api.example.com',
        bytesIn: expect.any(Number),
        bytesOut: expect.any(Number),
        reason: 'ok',
      },
    ]);
  });

  it('goes over one connection for the same function under the same rules, and each request is resolved and judged anew', async () => {
    const w = world();
    const before = server.connections;
    for (let i = 0; i < 3; i++) expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('200');
    expect(server.connections - before).toBe(1);
    expect(w.resolved.length).toBe(3);
    w.client.close();
  });

  it.each<[string, Parameters<typeof openWorld>[0]['policies'], Partial<Parameters<typeof openWorld>[0]>]>([
    ['another function', [policyOf(RULE, { digest: OTHER })], { functionDigest: OTHER }],
    ['another owner', [policyOf(RULE, { owner: 'hospital-b' })], {}],
    ['an owner more', [policyOf(RULE), policyOf(RULE, { owner: 'hospital-b' })], {}],
    ['the same rule in a newer policy', [policyOf(RULE)], {}],
    ['another rule', [policyOf(`# a line more\n${RULE}`)], {}],
    ['a rule with a pin', [policyOf(`${RULE}\n  pin: spki-${pinOf(certificate)}`)], {}],
  ])('is shared with nobody: not with %s', async (_name, policies, overrides) => {
    const first = world();
    const second = world({ policies, ...overrides, client: first.client });
    const before = server.connections;
    for (const w of [first, second, first, second])
      expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('200');
    expect(server.connections - before).toBe(2);
    first.client.close();
  });

  it('is shared among paths of one rule, and not with another rule of the same owner', async () => {
    const w = world({}, `${RULE}\n- to: https://api.example.com/v2/a\n  methods: [GET]`);
    const before = server.connections;
    for (const path of ['/v1/a', '/v2/a', '/v1/b', '/v2/a'])
      expect(outcomeOf(await w.ask(`https://api.example.com${path}`))).toBe('200');
    expect(server.connections - before).toBe(2);
    w.client.close();
  });

  it('gives a redirect back as it is, without following it', async () => {
    const w = world();
    const answer = await w.ask('https://api.example.com/v1/redirect');
    expect(answer).toMatchObject({ status: 302 });
    if ('error' in answer) throw new Error(answer.error);
    const location = answer.headers.find(([name]) => name === 'location')?.[1] ?? '';
    expect(location).toBe('https://evil.example/');
    expect(outcomeOf(await w.ask(location))).toBe('HTTP-request-denied');
    expect(w.resolved).toEqual(['api.example.com']);
  });

  it('leaves an encoded body as it came, keeps repeated headers, and drops those about the connection', async () => {
    const answer = await world().ask('https://api.example.com/v1/zip');
    if ('error' in answer) throw new Error(answer.error);
    expect(Buffer.from(await drain(answer.body)).toString()).toBe('not gzip');
    const names = answer.headers.map(([name]) => name);
    expect(names.filter((name) => name === 'set-cookie').length).toBe(2);
    expect(names).toContain('content-encoding');
    for (const name of ['keep-alive', 'connection', 'proxy-authenticate', 'transfer-encoding'])
      expect(names).not.toContain(name);
  });

  it('reaches a host of a wildcard rule, a plain one only where a rule says http, and another port only where a rule names it', async () => {
    const rules = `- to: https://*.wild.example.com/**\n  methods: [GET]\n- to: http://plain.example.com/a\n  methods: [GET]\n- to: https://api.example.com:8443/a\n  methods: [GET]`;
    const dns = { ...DNS, 'x.wild.example.com': [PUBLIC], 'plain.example.com': [PUBLIC] };
    const w = world({ dns, ports: { 443: server.port, 80: plain.port, 8443: server.port } }, rules);
    expect(outcomeOf(await w.ask('https://x.wild.example.com/a'))).toBe('200');
    expect(outcomeOf(await w.ask('http://plain.example.com/a'))).toBe('200');
    expect(outcomeOf(await w.ask('https://api.example.com:8443/a'))).toBe('200');
    expect(w.dialled).toEqual([`${PUBLIC} 443`, `${PUBLIC} 80`, `${PUBLIC} 8443`]);
    expect(outcomeOf(await w.ask('http://api.example.com/a'))).toBe('HTTP-request-denied');
    expect(outcomeOf(await w.ask('https://plain.example.com/a'))).toBe('HTTP-request-denied');
    expect(w.dialled.length).toBe(3);
  });
});

describe('egress that no owner’s rule allows', () => {
  it.each<[string, string, Partial<EgressRequest>]>([
    ['another host', 'https://evil.example/v1/a', {}],
    ['a longer host', 'https://api.example.com.evil.test/v1/a', {}],
    ['another method', 'https://api.example.com/v1/a', { method: 'DELETE' }],
    ['CONNECT', 'https://api.example.com/v1/a', { method: 'CONNECT' }],
    ['another path', 'https://api.example.com/v2/a', {}],
    ['another port', 'https://api.example.com:444/v1/a', {}],
    ['another scheme', 'http://api.example.com/v1/a', {}],
    ['a literal address', `https://${PUBLIC}/v1/a`, {}],
  ])('is refused for %s, and nothing is looked up or dialled', async (_name, url, overrides) => {
    const w = world();
    expect(outcomeOf(await w.ask(url, overrides))).toBe('HTTP-request-denied');
    expectUntouched(w);
    expect(w.audit.recent()).toMatchObject([{ outcome: 'deny', owner: 'hospital-a', bytesIn: 0, bytesOut: 0 }]);
  });

  it.each<[string, Parameters<typeof openWorld>[0]['policies']]>([
    ['without an owner', []],
    ['with an empty policy', [policyOf('')]],
    ['when the owner does not list the function', [policyOf(RULE, { digest: `sha256:${'cd'.repeat(32)}` })]],
    ['when one of two owners has no rule', [policyOf(RULE), policyOf('', { owner: 'hospital-b' })]],
    ['when the other of two owners has no rule', [policyOf('', { owner: 'hospital-b' }), policyOf(RULE)]],
  ])('is refused %s', async (_name, policies) => {
    const w = world({ policies });
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('HTTP-request-denied');
    expectUntouched(w);
    expect(w.audit.recent()).toMatchObject([{ outcome: 'deny' }]);
  });

  it('is allowed when both owners allow it, one record for each', async () => {
    const w = world({ policies: [policyOf(RULE), policyOf(RULE, { owner: 'hospital-b' })] });
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('200');
    expect(w.audit.recent().map(({ owner, outcome }) => `${owner} ${outcome}`)).toEqual([
      'hospital-a allow',
      'hospital-b allow',
    ]);
  });

  it('is refused with the reason when the rule demands a credential, which cannot be had yet', async () => {
    const rule = `${RULE}\n  credential: { header: authorization, secret: lookup-token }`;
    const w = world({ policies: [policyOf(rule, { more: 'secrets: [lookup-token]' })] });
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('HTTP-request-denied');
    expectUntouched(w);
    expect(w.audit.recent()[0]?.reason).toMatch(/^ERR_POLICY_DENIED_EGRESS: .*secret lookup-token/);
  });
});

describe('the address behind an allowed name', () => {
  it.each([
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '127.0.0.1',
    '127.8.8.8',
    '169.254.169.254',
    '169.254.1.1',
    '100.64.0.1',
    '100.100.100.200',
    '0.0.0.0',
    '0.1.2.3',
    '224.0.0.1',
    '255.255.255.255',
    '240.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '168.63.129.16',
    '::',
    '::1',
    'fe80::1',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    'fec0::1',
    '::ffff:93.184.216.34',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    '2001::1',
    '2001:db8::1',
    '::7f00:1',
    '100::1',
    '4000::1',
    'fe80::1%eth0',
    '0177.0.0.1',
    '2130706433',
    '0x7f000001',
    '127.1',
    'localhost',
    '',
    '93.184.216.34 ',
    '93.184.216.34\0',
  ])('is refused when it is %j, also beside a good one', async (address) => {
    for (const addresses of [[address], [PUBLIC, address], [address, PUBLIC6]]) {
      const w = world({ dns: { 'api.example.com': addresses } });
      expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('destination-IP-prohibited');
      expect(w.dialled).toEqual([]);
      expect(w.audit.recent()).toMatchObject([
        { outcome: 'deny', reason: 'destination-IP-prohibited', rule: 'policy.yaml:7' },
      ]);
    }
  });

  it('may be any public one, the next is tried when one refuses, and the name is looked up once', async () => {
    const w = world({ dns: { 'api.example.com': [PUBLIC6, PUBLIC] } });
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('200');
    expect(w.dialled).toEqual([`${PUBLIC6} 443`]);
    const closed = world({ dns: { 'api.example.com': [PUBLIC6, PUBLIC] }, ports: { 443: 1 } });
    expect(outcomeOf(await closed.ask('https://api.example.com/v1/a'))).toBe('connection-refused');
    expect(closed.dialled).toEqual([`${PUBLIC6} 443`, `${PUBLIC} 443`]);
    expect(closed.resolved.length).toBe(1);
  });

  it('may be a private one only where the rule names that very address, or the configuration fixes the name', async () => {
    const literal = world({}, '- to: https://127.0.0.1/**\n  methods: [GET]');
    expect(outcomeOf(await literal.ask('https://127.0.0.1/v1/a'))).toBe('200');
    expect(literal.resolved).toEqual([]);
    expect(literal.dialled).toEqual(['127.0.0.1 443']);
    expect(outcomeOf(await literal.ask('https://127.0.0.2/v1/a'))).toBe('HTTP-request-denied');
    const fixed = world({ fixedNames: { 'api.example.com': '127.0.0.1' } });
    expect(outcomeOf(await fixed.ask('https://api.example.com/v1/a'))).toBe('200');
    expect(fixed.resolved).toEqual([]);
    expect(outcomeOf(await fixed.ask('https://constructor/v1/a'))).toBe('HTTP-request-denied');
    expect(() => world({ fixedNames: { 'api.example.com': 'localhost' } })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIGURATION_FILE' }),
    );
  });

  it('is missing', async () => {
    for (const dns of [{}, { 'api.example.com': [] }]) {
      const w = world({ dns });
      expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('DNS-error');
      expect(w.dialled).toEqual([]);
    }
  });
});

describe('the server at that address', () => {
  const withCertificate = async (
    issued: ReturnType<typeof serverCertificate>,
    roots?: 'system' | readonly string[],
    rule = RULE,
  ): Promise<string> => {
    await using other = await openServer(issued);
    const w = world({ ports: { 443: other.port }, ...(roots === undefined ? {} : { roots }) }, rule);
    const outcome = outcomeOf(await w.ask('https://api.example.com/v1/a'));
    if (outcome !== '200') expect(other.seen).toEqual([]);
    return outcome;
  };

  it('is trusted with the name that was asked for', async () => {
    expect(await withCertificate(serverCertificate(['api.example.com']))).toBe('200');
  });

  it.each<[string, string[], Parameters<typeof serverCertificate>[1]]>([
    ['another name', ['other.example.com'], {}],
    ['a longer name', ['api.example.com.evil.test'], {}],
    ['an end that is past', ['api.example.com'], { notAfter: new Date('2020-06-01T00:00:00Z') }],
  ])('is refused with a certificate of %s', async (_name, names, overrides) => {
    expect(await withCertificate(serverCertificate(names, overrides))).toBe('TLS-certificate-error');
  });

  it('is refused when no root vouches for it: another one of the same name, an empty list, and the system’s', async () => {
    const issued = serverCertificate(['api.example.com']);
    expect(await withCertificate(issued, [issueAuthority('Test Web CA').pem])).toBe('TLS-certificate-error');
    expect(await withCertificate(issued, [])).toBe('TLS-certificate-error');
    expect(await withCertificate(issued, 'system')).toBe('TLS-certificate-error');
  });

  it('is held to the pin of the rule, and to those of all owners', async () => {
    const issued = serverCertificate(['api.example.com']);
    const pinned = (key: typeof issued): string => `${RULE}\n  pin: spki-${pinOf(key)}`;
    expect(await withCertificate(issued, undefined, pinned(issued))).toBe('200');
    expect(await withCertificate(issued, undefined, pinned(authority))).toBe('TLS-certificate-error');
    const policies = [policyOf(pinned(certificate)), policyOf(pinned(issued), { owner: 'hospital-b' })];
    expect(outcomeOf(await world({ policies }).ask('https://api.example.com/v1/a'))).toBe('TLS-certificate-error');
  });

  it.each<[string, string, string]>([
    ['the pinned key', pinOf(certificate), '200'],
    ['another key', pinOf(authority), 'TLS-certificate-error'],
  ])('with %s gets bytes only when it is the right one', async (_name, pin, outcome) => {
    let bytes = 0;
    const counting = createTlsServer({ cert: certificate.pem, key: certificate.privateKeyPem }, (socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        bytes += chunk.length;
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      });
    }).listen(0, '127.0.0.1');
    await once(counting, 'listening');
    const ended = once(counting, 'connection').then(async ([socket]) => await once(socket as Socket, 'close'));
    const w = world({ ports: { 443: (counting.address() as AddressInfo).port } }, `${RULE}\n  pin: spki-${pin}`);
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe(outcome);
    await ended;
    expect(bytes > 0).toBe(outcome === '200');
    counting.close();
  });

  it('may speak HTTP/2, and what it sends is counted and written down all the same', async () => {
    const two = createSecureServer({ cert: certificate.pem, key: certificate.privateKeyPem }, (request, response) => {
      const body = 'x'.repeat(request.url === '/v1/large' ? 5000 : 5);
      response.writeHead(200, { 'x-version': request.httpVersion, 'content-length': body.length }).end(body);
    }).listen(0, '127.0.0.1');
    await once(two, 'listening');
    const w = world(
      { ports: { 443: (two.address() as AddressInfo).port }, limits: { maxAnswerBytes: 4999 } },
      `${RULE}\n  limit: 8 KiB/day`,
    );
    const answer = await w.ask('https://api.example.com/v1/a');
    expect(answer).toMatchObject({ status: 200, body: encodeUtf8('xxxxx') });
    expect('headers' in answer && answer.headers).toContainEqual(['x-version', '2.0']);
    expect(w.audit.recent()).toMatchObject([{ outcome: 'allow', reason: 'ok' }]);
    expect(w.audit.recent()[0]?.bytesIn).toBeGreaterThan(5);
    expect(outcomeOf(await w.ask('https://api.example.com/v1/large'))).toBe('HTTP-response-body-size');
    expect(outcomeOf(await w.ask('https://api.example.com/v1/large'))).toBe('HTTP-response-body-size');
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('HTTP-request-denied');
    w.client.close();
    two.close();
  });

  it('is told the name that was asked for, and refused with an address it does not have', async () => {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await using other = await openServer(serverCertificate([], { keys, extensions: [] }));
    const w = world({ ports: { 443: other.port } }, '- to: https://127.0.0.1/**\n  methods: [GET]');
    expect(outcomeOf(await w.ask('https://127.0.0.1/a'))).toBe('TLS-certificate-error');
  });

  it('is refused when it does not speak TLS', async () => {
    const w = world({ ports: { 443: plain.port } });
    expect(['TLS-protocol-error', 'connection-terminated']).toContain(
      outcomeOf(await w.ask('https://api.example.com/v1/a')),
    );
  });

  it('is given up when it is silent, in the handshake and afterwards', async () => {
    const silent: Server = createServer(() => {}).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as AddressInfo;
    const w = world({ ports: { 443: port }, limits: { connectTimeoutMs: 100 } });
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('connection-timeout');
    silent.close();
    const late = world({ limits: { deadlineMs: 300 } });
    expect(outcomeOf(await late.ask('https://api.example.com/v1/mute'))).toBe('HTTP-response-timeout');
    const begun = await late.ask('https://api.example.com/v1/never');
    expect('error' in begun || (await readWhole(begun.body, 10))).toBe(null);
    expect(late.audit.recent().map(({ reason }) => reason)).toEqual([
      'HTTP-response-timeout',
      'begun',
      'HTTP-response-incomplete',
    ]);
  });

  it.each([
    ['/v1/large', 'HTTP-response-body-size'],
    ['/v1/head', 'HTTP-response-header-section-size'],
    ['/v1/cut', 'connection-terminated'],
  ])('is refused an answer like %s: %s', async (path, expected) => {
    const w = world({ limits: { maxAnswerBytes: 4999 } });
    expect(outcomeOf(await w.ask(`https://api.example.com${path}`))).toBe(expected);
    expect(w.audit.recent()).toMatchObject([{ outcome: 'allow', reason: expected }]);
  });

  it('may answer with exactly the cap', async () => {
    expect(outcomeOf(await world({ limits: { maxAnswerBytes: 5000 } }).ask('https://api.example.com/v1/large'))).toBe(
      '200',
    );
  });
});

describe('what a function may send', () => {
  it.each<[string, string]>([
    ['host', 'evil.example'],
    ['content-length', '5'],
    ['connection', 'close'],
    ['Connection', 'x'],
    ['keep-alive', 'x'],
    ['transfer-encoding', 'chunked'],
    ['te', 'trailers'],
    ['trailer', 'x, host'],
    ['upgrade', 'h2c'],
    ['http2-settings', 'x'],
    ['expect', '100-continue'],
    ['proxy-authorization', 'x'],
    ['proxy-connection', 'x'],
    ['x-a', 'b\r\nx-c: d'],
    ['x-a', 'b\nc'],
    ['x-a', 'b\0c'],
    ['x-a', '\u0100'],
    ['x a', 'b'],
    ['x-a\r\nx-b', 'c'],
    ['', 'b'],
    ['x:a', 'b'],
  ])('is not the header %j: %j', async (name, value) => {
    const w = world();
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a', { headers: [[name, value]] }))).toBe(
      'HTTP-request-denied',
    );
    expectUntouched(w);
    expect(w.audit.recent()[0]?.reason).toMatch(/^ERR_POLICY_REQUEST: /);
  });

  it('is at most the cap', async () => {
    const w = world({ limits: { maxRequestBytes: 3 } });
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a', { method: 'POST', body: encodeUtf8('four') }))).toBe(
      'HTTP-request-body-size',
    );
    expectUntouched(w);
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a', { method: 'POST', body: encodeUtf8('3ch') }))).toBe(
      '200',
    );
  });

  it('is counted in calls', async () => {
    const w = world({}, `${RULE}\n  limit: 2/day`);
    const outcomes: string[] = [];
    for (let i = 0; i < 3; i++) outcomes.push(outcomeOf(await w.ask('https://api.example.com/v1/a')));
    expect(outcomes).toEqual(['200', '200', 'HTTP-request-denied']);
    expect(w.resolved.length).toBe(2);
    expect(w.audit.recent().at(-1)).toMatchObject({ outcome: 'deny', reason: 'ERR_POLICY_DENIED_LIMIT' });
  });

  it('is counted in bytes both ways', async () => {
    const w = world({}, `${RULE}\n  limit: 6 KiB/day`);
    const body = new Uint8Array(7000);
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a', { method: 'POST', body }))).toBe(
      'HTTP-request-denied',
    );
    expectUntouched(w);
    expect(outcomeOf(await w.ask('https://api.example.com/v1/large'))).toBe('200');
    expect(outcomeOf(await w.ask('https://api.example.com/v1/large'))).toBe('HTTP-response-body-size');
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('HTTP-request-denied');
  });

  it('is counted as it comes in, however many small answers come in together', async () => {
    const limit = 8 * 1024;
    const w = world({}, `${RULE}\n  limit: ${limit} B/day`);
    const answers = await Promise.all(Array.from({ length: 4 }, () => w.ask('https://api.example.com/v1/large')));
    const given = answers.flatMap((answer) => ('error' in answer ? [] : [answer.body.length ?? 0]));
    expect(given.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(limit);
    expect(answers.map(outcomeOf)).toContain('HTTP-response-body-size');
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('HTTP-request-denied');
  });

  it('does not bring in a head that is more than what is left', async () => {
    const ask = async (limit: string): Promise<string> =>
      outcomeOf(await world({}, `${RULE}\n  limit: ${limit}/day`).ask('https://api.example.com/v1/wide'));
    expect(await ask('5 KiB')).toBe('HTTP-response-header-section-size');
    expect(await ask('6 KiB')).toBe('200');
  });

  it('costs the first owner nothing when the second refuses', async () => {
    const policies = [
      policyOf(`${RULE}\n  limit: 2/day`),
      policyOf(`${RULE}\n  limit: 1/day`, { owner: 'hospital-b' }),
    ];
    const w = world({ policies });
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('200');
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('HTTP-request-denied');
    expect(w.audit.recent().at(-1)).toMatchObject({ owner: 'hospital-b' });
  });

  it('is so many requests at a time', async () => {
    const w = world({ limits: { maxConcurrent: 2 } });
    const outcomes = await Promise.all([1, 2, 3].map(() => w.ask('https://api.example.com/v1/a')));
    expect(outcomes.map(outcomeOf).sort()).toEqual(['200', '200', 'connection-limit-reached']);
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('200');
  });
});

describe('a call that is over', () => {
  it.each([
    ['in the handshake', 443],
    ['while it waits for the answer', 80],
  ])('ends what is under way %s, at once and on the wire', async (_when, port) => {
    const closed = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const silent: Server = createServer((socket) => {
      reached.resolve();
      socket
        .resume()
        .on('error', () => undefined)
        .on('close', () => closed.resolve());
    }).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const scheme = port === 443 ? 'https' : 'http';
    const rule = `- to: ${scheme}://api.example.com/v1/**\n  methods: [GET]`;
    const w = world(
      {
        ports: { [port]: (silent.address() as AddressInfo).port },
        limits: { deadlineMs: 60_000, connectTimeoutMs: 60_000 },
      },
      rule,
    );
    const over = new AbortController();
    const answer = w.ask(`${scheme}://api.example.com/v1/a`, {}, over.signal);
    await reached.promise;
    over.abort();
    expect(await answer).toHaveProperty('error');
    await closed.promise;
    expect(w.audit.recent()).toHaveLength(1);
    silent.close();
  });

  it('connects to nothing any more', async () => {
    const w = world();
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a', {}, AbortSignal.abort()))).toBe(
      'connection-terminated',
    );
    expect(w.dialled).toEqual([]);
  });
});

it('gives no answer when the decision cannot be written down', async () => {
  const audit = openAuditLog({
    blockHeight: 1,
    retainedBlocks: 1,
    sink: () => {
      throw new ConfigurationError('ERR_CONFIGURATION_FILE', 'the disk is full');
    },
  });
  const w = world({ audit });
  expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('internal-error');
  expect(outcomeOf(await w.ask('https://evil.example/'))).toBe('internal-error');
});
