import { spawnSync } from 'node:child_process';
import {
  createHash,
  createPrivateKey,
  diffieHellman,
  generateKeyPairSync,
  KeyObject,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { openIdentity } from '../../src/enclave/identity.ts';
import { skipUnless } from '../skips.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const identity = await openIdentity(NOW);
const certificate = new X509Certificate(identity.certificatePem);

describe('the certificate of a worker', () => {
  it('is signed by its own key and says what it is', () => {
    expect(certificate.subject).toBe('CN=anchorhold worker');
    expect(certificate.issuer).toBe('CN=anchorhold worker');
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(identity.privateKeyPem))).toBe(true);
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  it('starts a day before boot and states no end', () => {
    expect(certificate.validFromDate).toEqual(new Date('2026-11-20T12:00:00Z'));
    expect(certificate.validToDate).toEqual(new Date('9999-12-31T23:59:59Z'));
  });

  it('has a random serial number of 16 bytes', async () => {
    expect(certificate.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
    const other = new X509Certificate((await openIdentity(NOW)).certificatePem);
    expect(other.serialNumber).not.toBe(certificate.serialNumber);
  });

  it('has the key whose digest goes into the claims', () => {
    const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
    expect(Buffer.from(identity.spkiDigest)).toEqual(createHash('sha256').update(spki).digest());
  });

  it('serves TLS 1.3', async () => {
    const server = createServer({ key: identity.privateKeyPem, cert: identity.certificatePem, minVersion: 'TLSv1.3' });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client: TLSSocket = connect({
      port,
      host: '127.0.0.1',
      ca: identity.certificatePem,
      checkServerIdentity: () => undefined,
    });
    await once(client, 'secureConnect');
    expect([client.authorized, client.getProtocol()]).toEqual([true, 'TLSv1.3']);
    client.destroy();
    server.close();
  });

  skipUnless(spawnSync('openssl', ['version']).status === 0, 'no openssl on this machine')('is read by openssl', () => {
    const { stdout, status } = spawnSync('openssl', ['x509', '-noout', '-subject', '-text'], {
      input: identity.certificatePem,
      encoding: 'utf8',
    });
    expect(status).toBe(0);
    expect(stdout).toContain('TLS Web Server Authentication');
  });
});

describe('the sealing key of a worker', () => {
  const { publicKey, privateKey, keyConfiguration } = identity.sealing;

  it('is described as RFC 9458 section 3.1 says', () => {
    const expected = [1, 0x00, 0x20, ...publicKey, 0x00, 0x04, 0x00, 0x01, 0x00, 0x02];
    expect([...keyConfiguration]).toEqual(expected);
    expect(publicKey.length).toBe(32);
  });

  it('agrees with the public half', async () => {
    const peer = generateKeyPairSync('x25519');
    const own = await importPublic({ kty: 'OKP', crv: 'X25519', x: Buffer.from(publicKey).toString('base64url') });
    const shared = diffieHellman({ privateKey: peer.privateKey, publicKey: KeyObject.from(own) });
    const bits = await webcrypto.subtle.deriveBits(
      { name: 'X25519', public: await importPublic(peer.publicKey.export({ format: 'jwk' })) },
      privateKey,
      256,
    );
    expect(Buffer.from(bits)).toEqual(shared);
  });

  it('cannot be exported', async () => {
    expect(privateKey.extractable).toBe(false);
    await expect(webcrypto.subtle.exportKey('pkcs8', privateKey)).rejects.toMatchObject({ name: 'InvalidAccessError' });
  });
});

describe('two workers', () => {
  it('share nothing', async () => {
    const other = await openIdentity(NOW);
    expect(other.spkiDigest).not.toEqual(identity.spkiDigest);
    expect(other.instance).not.toEqual(identity.instance);
    expect(other.instance.length).toBe(16);
    expect(other.sealing.publicKey).not.toEqual(identity.sealing.publicKey);
  });
});

async function importPublic(jwk: webcrypto.JsonWebKey): Promise<webcrypto.CryptoKey> {
  return await webcrypto.subtle.importKey('jwk', jwk, { name: 'X25519' }, true, []);
}
