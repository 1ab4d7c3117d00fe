/** Addresses of AMD's key distribution service, held to what is known of its forms. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseCertificate } from '../../../src/attestation/snp/der.ts';
import { certChainPath, crlPath, kdsProduct, vcekPath } from '../../../src/attestation/snp/kds-urls.ts';
import { PRODUCTS } from '../../../src/attestation/snp/product.ts';
import { type AttestationReport, parseReport } from '../../../src/attestation/snp/report.ts';
import { parseVek } from '../../../src/attestation/snp/vek.ts';
import { encodeHex } from '../../../src/base/bytes.ts';
import { type MachineOptions, openFakeKds, type SimulatedAmd } from '../../../src/testing/index.ts';
import { skipUnless } from '../../skips.ts';
import { sharedAmd } from '../../testing/shared-amd.ts';
import { VECTORS } from '../../vectors.ts';

let amd: SimulatedAmd;
beforeAll(async () => {
  amd = await sharedAmd();
});

async function reportOf(machine: MachineOptions): Promise<AttestationReport> {
  const { report } = parseReport((await amd.issueReport(machine)).report);
  if (report === null) throw new Error('the simulated report does not parse');
  return report;
}

const chipId = Uint8Array.from({ length: 64 }, (_, i) => i);
const HEX_64 = encodeHex(chipId);
const HEX_8 = '0001020304050607';
const turinChip = new Uint8Array(64);
turinChip.set(chipId.subarray(0, 8));
const reportedTcb = { fmc: null, bootloader: 3, tee: 0, snp: 27, microcode: 222 };
const turinTcb = { fmc: 1, bootloader: 2, tee: 0, snp: 4, microcode: 81 };

describe('the address of a VCEK', () => {
  it.each<[string, MachineOptions, string | null]>([
    [
      'Milan',
      { product: 'Milan', chipId, reportedTcb },
      `/vcek/v1/Milan/${HEX_64}?blSPL=03&teeSPL=00&snpSPL=27&ucodeSPL=222`,
    ],
    [
      'Genoa',
      { product: 'Genoa', chipId, reportedTcb },
      `/vcek/v1/Genoa/${HEX_64}?blSPL=03&teeSPL=00&snpSPL=27&ucodeSPL=222`,
    ],
    [
      'Bergamo, which is under Genoa',
      { product: 'Genoa', cpuid: { family: 0x19, model: 0xa0, stepping: 2 }, chipId, reportedTcb },
      `/vcek/v1/Genoa/${HEX_64}?blSPL=03&teeSPL=00&snpSPL=27&ucodeSPL=222`,
    ],
    [
      'Turin',
      { product: 'Turin', chipId: turinChip, reportedTcb: turinTcb },
      `/vcek/v1/Turin/${HEX_8}?fmcSPL=01&blSPL=02&teeSPL=00&snpSPL=04&ucodeSPL=81`,
    ],
    ['a chip that hides its ID', { product: 'Genoa', chipId: new Uint8Array(64) }, null],
    ['a provider, which has a VLEK', { product: 'Genoa', signer: 'VLEK', chipId }, null],
  ])('of %s', async (_name, machine, expected) => {
    const report = await reportOf(machine);
    const product = kdsProduct(report, null);
    expect(product).toBe(machine.product);
    expect(vcekPath(report, product ?? 'Milan')).toBe(expected);
  });

  it('names the reported TCB, not the current one', async () => {
    const currentTcb = { ...reportedTcb, microcode: 223 };
    expect(vcekPath(await reportOf({ product: 'Genoa', reportedTcb, currentTcb }), 'Genoa')).toContain('ucodeSPL=222');
  });

  it('is none under a product line whose TCB has another layout', async () => {
    expect(vcekPath(await reportOf({ product: 'Genoa' }), 'Turin')).toBeNull();
    expect(vcekPath(await reportOf({ product: 'Turin' }), 'Genoa')).toBeNull();
  });
});

describe('the product line to ask under', () => {
  it.each([
    ['SEV-Milan', 'Milan'],
    ['SEV-Genoa', 'Genoa'],
    ['SEV-VLEK-Genoa', 'Genoa'],
    ['SEV-Venice', null],
    ['ARK-Genoa', null],
    [null, null],
  ])('of a version 2 report with a VEK of %s is %s', async (issuer, product) => {
    expect(kdsProduct(await reportOf({ product: 'Milan', version: 2 }), issuer)).toBe(product);
  });

  it('is that of the CPU, whatever issued the VEK', async () => {
    expect(kdsProduct(await reportOf({ product: 'Turin' }), 'SEV-Milan')).toBe('Turin');
  });

  it('is none for a CPU without a pinned root', async () => {
    expect(
      kdsProduct(await reportOf({ product: 'Turin', cpuid: { family: 0x1a, model: 0x50, stepping: 0 } }), null),
    ).toBe(null);
  });
});

it('chain and list of each product line and kind of key have their addresses', () => {
  const all = PRODUCTS.flatMap((p) => [
    certChainPath('VCEK', p),
    certChainPath('VLEK', p),
    crlPath('VCEK', p),
    crlPath('VLEK', p),
  ]);
  expect(all.slice(4, 8)).toEqual([
    '/vcek/v1/Genoa/cert_chain',
    '/vlek/v1/Genoa/cert_chain',
    '/vcek/v1/Genoa/crl',
    '/vlek/v1/Genoa/crl',
  ]);
  expect(new Set(all).size).toBe(12);
});

it('the fake service, like the real one, knows a Turin chip by 8 bytes and not by 64', async () => {
  await using kds = await openFakeKds(amd);
  const status = async (path: string): Promise<number> => (await fetch(`${kds.url}${path}`)).status;
  const query = 'fmcSPL=01&blSPL=02&teeSPL=00&snpSPL=04&ucodeSPL=81';
  expect(await status(`/vcek/v1/Turin/${HEX_8}?${query}`)).toBe(200);
  expect(await status(`/vcek/v1/Turin/${HEX_64}?${query}`)).toBe(404);
  expect(await status(`/vcek/v1/Turin/${HEX_8}?blSPL=02&teeSPL=00&snpSPL=04&ucodeSPL=81`)).toBe(404);
  expect(await status(`/vcek/v1/Bergamo/cert_chain`)).toBe(404);
});

skipUnless(VECTORS !== null, 'no test vectors')(
  'lead from real reports to the very certificates that came with them',
  () => {
    const root = join(VECTORS ?? '', 'snp');
    const found: string[] = [];
    for (const name of readdirSync(root)) {
      const read = (file: string): Uint8Array => readFileSync(join(root, name, file));
      if (!existsSync(join(root, name, 'vek.der')) || !existsSync(join(root, name, 'report.bin'))) continue;
      const { report } = parseReport(read('report.bin'));
      const certificate = parseCertificate(read('vek.der'));
      if (report === null || certificate === null) throw new Error(`${name} does not parse`);
      const product = kdsProduct(report, certificate.issuer.commonName);
      if (product === null) throw new Error(`${name} has no product line`);
      const { vek } = parseVek(certificate, product);
      const path = vcekPath(report, product);
      found.push(`${product} ${vek?.signer ?? 'none'}`);
      if (vek?.signer === 'VLEK') {
        expect([name, path]).toEqual([name, null]);
        continue;
      }
      const [, hwid, query = ''] = /([0-9a-f]+)\?(.*)$/.exec(path ?? '') ?? [];
      const levels = [...new URLSearchParams(query).values()].map(Number);
      const { fmc = null, bootloader, tee, snp, microcode } = vek?.tcb ?? {};
      expect([name, hwid]).toEqual([name, encodeHex(vek?.hwid ?? new Uint8Array())]);
      expect(levels).toEqual([...(fmc === null ? [] : [fmc]), bootloader, tee, snp, microcode]);
    }
    const count = (kind: string): number => found.filter((f) => f === kind).length;
    expect(['Milan VCEK', 'Milan VLEK', 'Genoa VCEK', 'Turin VCEK'].map(count)).toEqual([5, 1, 6, 1]);
    expect(found.length).toBe(13);
  },
);
