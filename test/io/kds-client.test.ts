/** The client of a key distribution service: capped in size, time, tries and waiting, and never a verdict. */

import type { AddressInfo } from 'node:net';
import { createServer as createSilentServer } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { openIdentity } from '../../src/enclave/identity.ts';
import { type KdsClient, type KdsClientOptions, openKdsClient } from '../../src/io/kds-client.ts';
import { type FakeKdsOptions, type KdsAnswer, openFakeKds, type SimulatedAmd } from '../../src/testing/index.ts';
import { alternativeNames, issue, issueAuthority, purposes, SERVER_AUTH } from '../fixtures/certificates.ts';
import { NOW, sharedAmd } from '../testing/shared-amd.ts';

const CHAIN = '/vcek/v1/Genoa/cert_chain';
const CRL = '/vcek/v1/Genoa/crl';

let amd: SimulatedAmd;
beforeAll(async () => {
  amd = await sharedAmd();
});

/** A client whose clock moves only when it waits. */
function openClient(baseUrl: string, over: Partial<KdsClientOptions> = {}): { client: KdsClient; waits: number[] } {
  const waits: number[] = [];
  let at = NOW.getTime();
  const client = openKdsClient({
    baseUrl,
    roots: 'system',
    timeoutMs: 5000,
    now: () => new Date(at),
    wait: async (ms) => {
      waits.push(ms);
      at += ms;
    },
    ...over,
  });
  return { client, waits };
}

/** Answers with these, one after the other, and then as the service would. */
function first(...answers: readonly KdsAnswer[]): FakeKdsOptions {
  const left = [...answers];
  return { answer: () => left.shift() ?? null };
}

describe('a client of a key distribution service', () => {
  it('gives the bytes, and names them by their whole address', async () => {
    await using kds = await openFakeKds(amd);
    const { client } = openClient(kds.url);
    expect(Buffer.from((await client.fetch(CHAIN, 65536)) ?? '').toString()).toMatch(/^-----BEGIN CERTIFICATE-----\n/);
    expect(client.address(CHAIN)).toBe(`${kds.url}${CHAIN}`);
    expect(kds.asked).toEqual([CHAIN]);
  });

  it('asks below the folder of a mirror', async () => {
    await using kds = await openFakeKds(amd, first({ status: 200, body: Buffer.from('x') }));
    const { client } = openClient(`${kds.url}/mirror/`);
    await client.fetch(CRL, 10);
    expect(kds.asked).toEqual([`/mirror${CRL}`]);
    expect(client.address(CRL)).toBe(`${kds.url}/mirror${CRL}`);
  });

  it('gives null for what the service does not have', async () => {
    await using kds = await openFakeKds(amd);
    expect(await openClient(kds.url).client.fetch('/vcek/v1/Naples/crl', 100)).toBeNull();
  });

  const inSeconds = (seconds: number): string => new Date(NOW.getTime() + seconds * 1000).toUTCString();

  it.each<[string, number, Record<string, string>, number]>([
    ['seconds', 429, { 'retry-after': '7' }, 7000],
    ['seconds', 503, { 'retry-after': '7' }, 7000],
    ['no seconds', 429, { 'retry-after': '0' }, 0],
    ['as many seconds as it waits at most', 429, { 'retry-after': '10' }, 10_000],
    ['a date', 429, { 'retry-after': inSeconds(5) }, 5000],
    ['a date', 503, { 'retry-after': inSeconds(5) }, 5000],
    ['a date as far as it waits at most', 429, { 'retry-after': inSeconds(10) }, 10_000],
    ['a date that is over', 429, { 'retry-after': 'Thu, 01 Jan 2026 00:00:00 GMT' }, 0],
    ['nothing', 429, {}, 1000],
    ['nothing', 503, {}, 1000],
    ['nonsense', 429, { 'retry-after': 'soon' }, 1000],
    ['a negative number', 429, { 'retry-after': '-1' }, 1000],
  ])('waits as Retry-After says: %s after %i', async (_name, status, headers, waitMs) => {
    await using kds = await openFakeKds(amd, first({ status, headers }));
    const { client, waits } = openClient(kds.url);
    expect(await client.fetch(CRL, 65536)).not.toBeNull();
    expect(waits).toEqual([waitMs]);
    expect(kds.asked).toEqual([CRL, CRL]);
  });

  it.each(['11', '999999999', inSeconds(11), 'Fri, 31 Dec 9999 23:59:59 GMT'])(
    'does not wait as long as Retry-After says: %s',
    async (value) => {
      await using kds = await openFakeKds(amd, first({ status: 429, headers: { 'retry-after': value } }));
      const { client, waits } = openClient(kds.url);
      await expect(client.fetch(CRL, 65536)).rejects.toMatchObject({ code: 'ERR_TRANSPORT_OVERLOADED' });
      expect(waits).toEqual([]);
      expect(kds.asked).toEqual([CRL]);
    },
  );

  it('tries three times and then says that the service is too busy', async () => {
    await using kds = await openFakeKds(amd, { answer: () => ({ status: 503 }) });
    const { client, waits } = openClient(kds.url);
    await expect(client.fetch(CRL, 65536)).rejects.toMatchObject({
      name: 'TransportError',
      code: 'ERR_TRANSPORT_OVERLOADED',
    });
    expect(waits).toEqual([1000, 3000]);
    expect(kds.asked.length).toBe(3);
  });

  it('waits for nobody longer than the cap, and asks nothing more until that time', async () => {
    await using kds = await openFakeKds(amd, first({ status: 429, headers: { 'retry-after': '3600' } }));
    let at = NOW.getTime();
    const { client, waits } = openClient(kds.url, { now: () => new Date(at) });
    for (const path of [CRL, CRL, CHAIN]) {
      await expect(client.fetch(path, 65536)).rejects.toMatchObject({ code: 'ERR_TRANSPORT_OVERLOADED' });
    }
    expect(waits).toEqual([]);
    expect(kds.asked).toEqual([CRL]);
    at += 3600_000;
    expect(await client.fetch(CRL, 65536)).not.toBeNull();
  });

  it('asks one question at a time', async () => {
    let [underWay, most] = [0, 0];
    await using kds = await openFakeKds(amd, {
      answer: async () => {
        most = Math.max(most, ++underWay);
        await new Promise((resolve) => setImmediate(resolve));
        underWay -= 1;
        return { status: 200 };
      },
    });
    const { client } = openClient(kds.url);
    await Promise.all(Array.from({ length: 5 }, async (_, n) => await client.fetch(`${CRL}?${n}`, 10)));
    expect([most, kds.asked.length]).toEqual([1, 5]);
  });

  it('asks once for what many want at the same time, and again later', async () => {
    const gate = Promise.withResolvers<void>();
    await using kds = await openFakeKds(amd, {
      answer: async () => {
        await gate.promise;
        return { status: 200, body: Uint8Array.of(1, 2, 3) };
      },
    });
    const { client } = openClient(kds.url);
    const asked = Promise.all(Array.from({ length: 20 }, async () => await client.fetch(CRL, 10)));
    gate.resolve();
    const given = await asked;
    given[0]?.fill(0);
    expect(given[1]).toEqual(Uint8Array.of(1, 2, 3));
    expect(kds.asked).toEqual([CRL]);
    await client.fetch(CRL, 10);
    expect(kds.asked).toEqual([CRL, CRL]);
  });

  it('tells all who want the same when it cannot be had, and asks again later', async () => {
    await using kds = await openFakeKds(amd, first({ status: 500 }));
    const { client } = openClient(kds.url);
    const outcomes = await Promise.allSettled([1, 2, 3].map(async () => await client.fetch(CRL, 65536)));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(await client.fetch(CRL, 65536)).not.toBeNull();
    expect(kds.asked).toEqual([CRL, CRL]);
  });

  it('does not give one who takes little what another takes', async () => {
    await using kds = await openFakeKds(amd, { answer: () => ({ status: 200, body: new Uint8Array(100) }) });
    const { client } = openClient(kds.url);
    const [little, enough] = await Promise.allSettled([client.fetch(CRL, 99), client.fetch(CRL, 100)]);
    expect([little.status, enough.status]).toEqual(['rejected', 'fulfilled']);
  });

  it('goes on after a call that failed', async () => {
    await using kds = await openFakeKds(amd, first({ status: 500 }));
    const { client } = openClient(kds.url);
    const [failed, served] = await Promise.allSettled([client.fetch(CRL, 65536), client.fetch(CHAIN, 65536)]);
    expect([failed.status, served.status]).toEqual(['rejected', 'fulfilled']);
  });

  it.each<[string, KdsAnswer, number]>([
    ['a redirect', { status: 302, headers: { location: 'https://127.0.0.1:1/' } }, 65536],
    ['a redirect to itself', { status: 301, headers: { location: CRL } }, 65536],
    ['an error of the server', { status: 500 }, 65536],
    ['a refusal', { status: 403 }, 65536],
    ['a byte too many', { status: 200, body: new Uint8Array(101) }, 100],
    ['a head that is too large', { status: 200, headers: { filler: 'x'.repeat(32 * 1024) } }, 100],
  ])('takes %s for no answer', async (_name, answer, maxBytes) => {
    await using kds = await openFakeKds(amd, { answer: () => answer });
    await expect(openClient(kds.url).client.fetch(CRL, maxBytes)).rejects.toMatchObject({
      name: 'TransportError',
      code: 'ERR_TRANSPORT_UNREACHABLE',
    });
    expect(kds.asked).toEqual([CRL]);
  });

  it('takes exactly as many bytes as may come', async () => {
    await using kds = await openFakeKds(amd, { answer: () => ({ status: 200, body: new Uint8Array(100) }) });
    expect((await openClient(kds.url).client.fetch(CRL, 100))?.length).toBe(100);
  });

  it('says that a service that is not there cannot be reached', async () => {
    const kds = await openFakeKds(amd);
    await kds.stop();
    await expect(openClient(kds.url).client.fetch(CRL, 100)).rejects.toMatchObject({
      code: 'ERR_TRANSPORT_UNREACHABLE',
    });
  });

  it('does not wait for a service that says nothing', async () => {
    const never = Promise.withResolvers<null>();
    await using kds = await openFakeKds(amd, { answer: () => never.promise });
    await expect(openClient(kds.url, { timeoutMs: 100 }).client.fetch(CRL, 100)).rejects.toMatchObject({
      code: 'ERR_TRANSPORT_TIMEOUT',
    });
    never.resolve(null);
  });

  it.each([
    ['other protocols', '220 mail\r\n'],
    ['a body that ends early', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc'],
    ['a head that ends early', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['nothing', ''],
  ])('does not take %s for an answer', async (_name, sent) => {
    const server = createSilentServer((socket) => socket.on('error', () => {}).end(sent));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(openClient(`http://127.0.0.1:${port}`).client.fetch(CRL, 100)).rejects.toMatchObject({
      code: 'ERR_TRANSPORT_UNREACHABLE',
    });
    server.close();
  });

  it('takes no service over HTTPS whose certificate nobody vouches for', async () => {
    const { privateKeyPem: key, certificatePem: cert } = await openIdentity(new Date());
    await using kds = await openFakeKds(amd, { tls: { key, cert } });
    await expect(openClient(kds.url).client.fetch(CRL, 100)).rejects.toMatchObject({
      code: 'ERR_TRANSPORT_UNREACHABLE',
    });
    expect(kds.asked).toEqual([]);
  });

  it('takes a service over HTTPS by the authorities that it was given', async () => {
    // TLS judges by the machine's own clock.
    const dates = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2049-01-01T00:00:00Z') };
    const authority = issueAuthority('Test Web CA', null, dates);
    const extensions = [purposes(SERVER_AUTH), alternativeNames({ iPAddress: '127.0.0.1' })];
    const server = issue([['CN', 'kds']], authority, { ...dates, extensions });
    await using kds = await openFakeKds(amd, { tls: { key: server.privateKeyPem, cert: server.pem } });
    expect(await openClient(kds.url, { roots: [authority.pem] }).client.fetch(CRL, 65536)).not.toBeNull();
    expect(kds.asked).toEqual([CRL]);
  });

  it.each([
    'http://kds.example',
    'http://10.0.0.1',
    'ftp://127.0.0.1',
    'https://user:secret@kds.example',
    'https://kds.example/?a=b',
    'https://kds.example/#a',
    'kds.example',
    '',
  ])('refuses the address %j', (baseUrl) => {
    expect(() => openClient(baseUrl)).toThrow(expect.objectContaining({ code: 'ERR_CONFIGURATION_USAGE' }) as Error);
  });

  it.each(['https://kds.example', 'https://kds.example:8443/mirror', 'http://127.0.0.1:1', 'http://[::1]:1'])(
    'takes the address %j',
    (baseUrl) => {
      expect(openClient(baseUrl).client.address(CRL)).toBe(`${baseUrl}${CRL}`);
    },
  );
});
