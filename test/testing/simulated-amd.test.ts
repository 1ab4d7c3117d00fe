import { spawnSync } from 'node:child_process';
import { createHash, createPublicKey, verify, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PRODUCTS, type Product } from '../../src/attestation/snp/product.ts';
import { parseReport, type Signer } from '../../src/attestation/snp/report.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import { type MachineOptions, type ReportVersion, SIMULATED_MEASUREMENT } from '../../src/testing/index.ts';
import { skipUnless } from '../skips.ts';
import { NOW, sharedAmd } from './shared-amd.ts';

const amd = await sharedAmd();
const VERSIONS: readonly ReportVersion[] = [2, 3, 4, 5];
const SIGNERS: readonly Signer[] = ['VCEK', 'VLEK'];

/** Version 2 was never made for Turin. */
const MACHINES = PRODUCTS.flatMap((product) =>
  VERSIONS.filter((version) => product !== 'Turin' || version > 2).flatMap((version) =>
    SIGNERS.map((signer) => ({ product, version, signer })),
  ),
);

const oneChainPer = PRODUCTS.flatMap((product) => SIGNERS.map((signer) => ({ product, signer })));

/** Big-endian numbers, as node:crypto wants them. */
function signatureOf(report: Uint8Array): Uint8Array {
  const number = (offset: number): Uint8Array => report.slice(offset, offset + 48).reverse();
  return Buffer.concat([number(0x2a0), number(0x2e8)]);
}

async function chainOf(machine: MachineOptions): Promise<readonly [X509Certificate, X509Certificate, X509Certificate]> {
  const { certificates } = await amd.issueReport(machine);
  const [vek, middle, root] = certificates.map((der) => new X509Certificate(der));
  if (vek === undefined || middle === undefined || root === undefined) throw new Error('three certificates expected');
  return [vek, middle, root];
}

describe('certificates of the simulated AMD', () => {
  it.each(oneChainPer)('lead from a $signer of $product to its root', async ({ product, signer }) => {
    const [vek, middle, root] = await chainOf({ product, signer });
    expect(root.verify(root.publicKey) && root.checkIssued(root)).toBe(true);
    expect(middle.verify(root.publicKey) && middle.checkIssued(root)).toBe(true);
    expect(vek.verify(middle.publicKey) && vek.checkIssued(middle)).toBe(true);
    expect([root.ca, middle.ca, vek.ca]).toEqual([true, true, false]);
    const cn = (c: X509Certificate): string => /CN=(.*)$/.exec(c.subject)?.[1] ?? '';
    expect([cn(vek), cn(middle), cn(root)]).toEqual([
      `SEV-${signer}`,
      signer === 'VCEK' ? `SEV-${product}` : `SEV-VLEK-${product}`,
      `ARK-${product}`,
    ]);
    expect([root, middle].map((c) => c.publicKey.asymmetricKeyDetails?.modulusLength)).toEqual([4096, 4096]);
    expect(vek.publicKey.asymmetricKeyDetails?.namedCurve).toBe('secp384r1');
    const years = vek.validToDate.getUTCFullYear() - vek.validFromDate.getUTCFullYear();
    expect(years).toBe(signer === 'VCEK' ? 7 : 1);
  });

  it('have fingerprints that trust files can name', async () => {
    for (const product of PRODUCTS) {
      const der = await amd.root(product);
      const fingerprint = createHash('sha256').update(der).digest('hex');
      expect(await amd.rootFingerprint(product)).toBe(fingerprint);
      expect((await amd.issueReport({ product })).rootFingerprint).toBe(fingerprint);
    }
  });

  const dir = mkdtempSync(join(tmpdir(), 'anchorhold-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

  skipUnless(hasOpenssl, 'no openssl on this machine')('are accepted by openssl, with their lists', async () => {
    const save = (name: string, der: Uint8Array): string => {
      const path = join(dir, `${name}.pem`);
      writeFileSync(path, new X509Certificate(der).toString());
      return path;
    };
    let chains = 0;
    for (const { product, signer } of oneChainPer) {
      const { certificates, crl } = await amd.issueReport({ product, signer });
      const [vek, middle, root] = certificates.map((der, i) => save(`${product}-${signer}-${i}`, der));
      const list = join(dir, 'crl.der');
      writeFileSync(list, crl ?? '');
      const attime = String(NOW.getTime() / 1000);
      const common = ['-check_ss_sig', '-attime', attime, '-CAfile', root ?? ''];
      const run = (...args: string[]): string => {
        const { stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
        return stdout + stderr;
      };
      expect(run('verify', ...common, '-untrusted', middle ?? '', vek ?? '')).toContain(': OK');
      expect(run('verify', ...common, '-crl_check', '-CRLfile', list, middle ?? '')).toContain(': OK');
      chains += 1;
    }
    expect(chains).toBe(6);
  });
});

describe('reports of the simulated AMD', () => {
  it.each(MACHINES)('say what was asked: $product, version $version, $signer', async (machine) => {
    const asked = {
      reportData: new Uint8Array(64).fill(7),
      measurement: new Uint8Array(48).fill(8),
      hostData: new Uint8Array(32).fill(9),
      guestSvn: 3,
      guestPolicy: 0x3001fn,
      vmpl: 1,
    };
    const { report, certificates } = await amd.issueReport({ ...machine, ...asked });
    expect(report.length).toBe(1184);
    const parsed = parseReport(report);
    expect(parsed.problems).toEqual([]);
    expect(parsed.report).toMatchObject({ ...asked, version: machine.version });
    expect(parsed.report?.keyInfo.signer).toBe(machine.signer);
    const key = createPublicKey(
      new X509Certificate(certificates[0] ?? '').publicKey.export({ type: 'spki', format: 'pem' }),
    );
    const signed = report.subarray(0, 0x2a0);
    expect(verify('sha384', signed, { key, dsaEncoding: 'ieee-p1363' }, signatureOf(report))).toBe(true);
  });

  it('cover every product, version and signer there is', () => {
    expect(MACHINES.length).toBe(22);
  });

  it('are about a healthy Genoa with a VCEK when nothing is said', async () => {
    const { report } = parseReport((await amd.issueReport()).report);
    expect(report).toMatchObject({
      version: 5,
      cpuid: { family: 0x19, model: 0x11 },
      guestPolicy: 0x30000n,
      vmpl: 0,
      measurement: SIMULATED_MEASUREMENT,
      currentFirmware: { major: 1, minor: 55, build: 49 },
    });
    expect(report?.reportedTcb).toEqual({ fmc: null, bootloader: 10, tee: 0, snp: 0x1b, microcode: 0x58 });
  });

  it('come from the same chip each time, and from another chip when one is named', async () => {
    const chipOf = async (machine: MachineOptions): Promise<string> => {
      const { report } = parseReport((await amd.issueReport(machine)).report);
      return encodeHex(report?.chipId ?? new Uint8Array());
    };
    expect(await chipOf({})).toBe(await chipOf({}));
    expect(await chipOf({ chipId: new Uint8Array(64).fill(5) })).toBe('05'.repeat(64));
    expect(await chipOf({ product: 'Turin' })).toMatch(/^[0-9a-f]{16}0{112}$/);
    expect(await chipOf({ signer: 'VLEK' })).toBe('0'.repeat(128));
  });
});

describe('keys of the simulated AMD', () => {
  it('differ between chips, and stay the same for one', async () => {
    const keyOf = async (chipId?: Uint8Array): Promise<string> => {
      const [vek] = await chainOf(chipId === undefined ? {} : { chipId });
      return vek.publicKey.export({ type: 'spki', format: 'pem' });
    };
    expect(await keyOf()).toBe(await keyOf());
    expect(await keyOf(new Uint8Array(64).fill(1))).not.toBe(await keyOf());
  });

  it('are made only for the product asked for, and announced', async () => {
    const { createSimulatedAmd } = await import('../../src/testing/index.ts');
    const made: string[] = [];
    const fresh = createSimulatedAmd({ now: () => NOW, onProgress: (message) => made.push(message) });
    expect(made).toEqual([]);
    const product: Product = 'Genoa';
    const roots = await Promise.all([fresh.rootFingerprint(product), fresh.rootFingerprint(product)]);
    expect(new Set(roots).size).toBe(1);
    expect(made.length).toBe(1);
    expect(roots[0]).not.toBe(await amd.rootFingerprint(product));
  });
});
