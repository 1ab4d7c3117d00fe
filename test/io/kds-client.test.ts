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

  it.each<[string, Record<string, string>, number]>([
    ['seconds', { 'retry-after': '7' }, 7000],
    ['a date', { 'retry-after': new Date(NOW.getTime() + 5000).toUTCString() }, 5000],
    ['a date that is over', { 'retry-after': 'Thu, 01 Jan 2026 00:00:00 GMT' }, 0],
    ['nothing', {}, 1000],
    ['nonsense', { 'retry-after': 'soon' }, 1000],
    ['a negative number', { 'retry-after': '-1' }, 1000],
  ])('waits as Retry-After says: %s', async (_name, headers, waitMs) => {
    await using kds = await openFakeKds(amd, first({ status: 429, headers }));
    const { client, waits } = openClient(kds.url);
    expect(await client.fetch(CRL, 65536)).not.toBeNull();
    expect(waits).toEqual([waitMs]);
    expect(kds.asked).toEqual([CRL, CRL]);
  });

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
    await Promise.all(Array.from({ length: 5 }, async () => await client.fetch(CRL, 10)));
    expect([most, kds.asked.length]).toEqual([1, 5]);
  });

  it('goes on after a call that failed', async () => {
    await using kds = await openFakeKds(amd, first({ status: 500 }));
    const { client } = openClient(kds.url);
    const [failed, served] = await Promise.allSettled([client.fetch(CRL, 65536), client.fetch(CRL, 65536)]);
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

  it('does not take other protocols for an answer', async () => {
    const server = createSilentServer((socket) => socket.end('220 mail\r\n'));
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
