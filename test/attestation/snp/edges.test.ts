/** The edges of the chain's parts: places and caps of a certificate table, what a cache may remember, and bindings that no issued report shows. */
import { describe, expect, it } from 'vitest';
import type { Appraisal } from '../../../src/appraisal.ts';
import { concludeAppraisal, makeCheck, skipCheck } from '../../../src/attestation/checks.ts';
import { appraiseReport } from '../../../src/attestation/report-appraisal.ts';
import { checkBinding } from '../../../src/attestation/snp/binding.ts';
import { parseCertificateTable } from '../../../src/attestation/snp/certificate-table.ts';
import { type ChainCache, createChainCache } from '../../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../../src/attestation/snp/crl-numbers.ts';
import { findPath } from '../../../src/attestation/snp/path.ts';
import { type AttestationReport, parseReport } from '../../../src/attestation/snp/report.ts';
import type { Vek } from '../../../src/attestation/snp/vek.ts';
import { concatBytes, encodeHex, parseHex } from '../../../src/base/bytes.ts';
import { sha256 } from '../../../src/base/digest.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import { NOW, sharedAmd } from '../../testing/shared-amd.ts';
import { ANY_MACHINE, anyReport } from '../demands.ts';

const VCEK = '63da758de6644564adc5f4b93be8accd';
const VLEK = 'a8074bc2a25a483eaae639c045a0b8a1';
const ASK = '4ab7b379bbac4fe4a02f05aef327c782';
const CRL = '92f81bc358114d3d97ffd19f88dc67ea';
const OTHER = 'ecae0c0f950243b1afa20ae2e0d565b6';

const amd = await sharedAmd();
const healthy = await amd.issueReport();

describe('a certificate table', () => {
  type Entry = readonly [guid: string, offset: number, length: number];
  const table = (size: number, ...entries: readonly Entry[]): Uint8Array => {
    const bytes = new Uint8Array(size).fill(0x30, 24 * (entries.length + 1));
    entries.forEach(([guid, offset, length], i) => {
      bytes.set(parseHex(guid) ?? [], 24 * i);
      new DataView(bytes.buffer).setUint32(24 * i + 16, offset, true);
      new DataView(bytes.buffer).setUint32(24 * i + 20, length, true);
    });
    return bytes;
  };
  const say = (bytes: Uint8Array): string => {
    const parsed = parseCertificateTable(bytes);
    if ('problem' in parsed) return parsed.problem;
    return `${parsed.value.certificates.map((c) => c.length).join(',')} ${parsed.value.crl?.length ?? 'no'}`;
  };

  it('has its payloads after the header and before its end', () => {
    expect(say(table(58, [VCEK, 48, 10]))).toBe('10 no');
    expect(say(table(58, [VCEK, 57, 1]))).toBe('1 no');
    expect(say(table(58, [VCEK, 47, 10]))).toBe(`entry ${VCEK} starts inside the header`);
    expect(say(table(58, [VCEK, 24, 10]))).toBe(`entry ${VCEK} starts inside the header`);
    expect(say(table(58, [VCEK, 49, 10]))).toBe(`entry ${VCEK} ends outside the table`);
    // The place of what nobody reads has to be right, too.
    expect(say(table(58, [OTHER, 24, 10]))).toBe(`entry ${OTHER} starts inside the header`);
    expect(say(table(82, [VCEK, 72, 1], [VCEK, 73, 1]))).toBe(`entry ${VCEK} is there twice`);
    expect(say(table(82, [VCEK, 72, 1], [VLEK, 72, 1]))).toBe('1,1 no');
    expect(say(new Uint8Array(24).fill(1))).toBe('the header does not end');
    expect(say(new Uint8Array(24))).toBe(' no');
  });

  it('may fill its caps, and no more', () => {
    const { certificateBytes, crlBytes, evidenceBytes } = LIMITS;
    const two = (first: number): Uint8Array => table(24 * 3 + 20_000, [VCEK, 72, first], [ASK, 72, 5]);
    expect(say(two(certificateBytes))).toBe(`${certificateBytes},5 no`);
    expect(say(two(certificateBytes + 1))).toBe(`entry ${VCEK} is over ${certificateBytes} bytes`);
    expect(say(table(80_000, [CRL, 48, crlBytes]))).toBe(` ${crlBytes}`);
    expect(say(table(80_000, [CRL, 48, crlBytes + 1]))).toBe(`entry ${CRL} is over ${crlBytes} bytes`);
    expect(say(table(evidenceBytes, [VCEK, 48, 1]))).toBe('1 no');
    expect(say(table(evidenceBytes + 1, [VCEK, 48, 1]))).toBe(`over ${evidenceBytes} bytes`);
  });

  it('holds as many certificates as evidence does, one too large among small ones is refused', () => {
    const pem = (size: number): string =>
      `-----BEGIN CERTIFICATE-----\n${Buffer.alloc(size, 1).toString('base64')}\n-----END CERTIFICATE-----\n`;
    const holding = (text: string): string => {
      const payload = new TextEncoder().encode(text);
      return say(concatBytes(table(48, [VCEK, 48, payload.length]), payload));
    };
    expect(holding(pem(3).repeat(8))).toBe('3,3,3,3,3,3,3,3 no');
    expect(holding(pem(3).repeat(9))).toBe('more than 8 certificates');
    expect(holding(pem(3) + pem(LIMITS.certificateBytes + 1))).toContain('is over');
  });
});

describe('a cache', () => {
  const appraise = async (certificates: readonly Uint8Array[], cache: ChainCache): Promise<Appraisal> => {
    const root = certificates[2] ?? new Uint8Array();
    return await appraiseReport(
      { ...healthy, certificates },
      anyReport({ ...ANY_MACHINE, revocation: 'off' }),
      { simulated: [encodeHex(sha256(root))] },
      NOW,
      cache,
      createCrlNumbers([]),
    );
  };
  const verdictOf = ({ verdict, checks }: Appraisal): readonly unknown[] => [
    verdict,
    checks.filter(({ outcome }) => outcome === 'fail').map(({ id }) => id),
  ];
  const [vek = new Uint8Array(), ask = new Uint8Array(), ark = new Uint8Array()] = healthy.certificates;

  it.each(['ask', 'ark'] as const)(
    'that knows a chain judges it anew when only its %s is another one',
    async (role) => {
      // The same names and keys, so that all signatures verify; but it is no authority.
      const change = { extensions: { basicConstraints: null } };
      const other = await amd.issueReport(role === 'ask' ? { intermediate: change } : { ark: change });
      const [, otherAsk = ask, otherArk = ark] = other.certificates;
      const broken = role === 'ask' ? [vek, otherAsk, ark] : [vek, ask, otherArk];
      const refused = ['reject', ['chain-authority']];
      const cache = createChainCache();
      expect(verdictOf(await appraise([vek, ask, ark], cache))).toEqual(['accept', []]);
      expect(verdictOf(await appraise(broken, cache))).toEqual(refused);
      expect(verdictOf(await appraise([vek, ask, ark], cache))).toEqual(['accept', []]);
      const cold = createChainCache();
      expect(verdictOf(await appraise(broken, cold))).toEqual(refused);
      expect(verdictOf(await appraise([vek, ask, ark], cold))).toEqual(['accept', []]);
    },
  );

  it('gives the same objects for the same certificates', async () => {
    const cache = createChainCache();
    const parse = () =>
      healthy.certificates.map((der) => cache.parseCertificate(Uint8Array.from(der))).filter((c) => c !== null);
    const roots = { simulated: [healthy.rootFingerprint] };
    const [first, second] = [await findPath(parse(), roots, cache), await findPath(parse(), roots, cache)];
    expect(first.path?.vek).toBe(second.path?.vek);
    if (first.path === null || second.path === null) throw new Error('no path');
    expect(cache.structure(first.path)).toBe(cache.structure(second.path));
  });
});

describe('the binding', () => {
  const genuine = parseReport(healthy.report).report;
  const vek: Vek = {
    signer: 'VCEK',
    productName: 'Turin',
    tcb: genuine?.reportedTcb ?? { fmc: 0, bootloader: 0, tee: 0, snp: 0, microcode: 0 },
    hwid: new Uint8Array(8).fill(7),
    cspId: null,
  };
  const failed = (change: Partial<AttestationReport>, product: 'Genoa' | 'Turin'): readonly string[] => {
    const certificate = createChainCache().parseCertificate(healthy.certificates[0] ?? new Uint8Array());
    if (genuine === null || certificate === null) throw new Error('not issued');
    const checks = checkBinding({ ...genuine, ...change }, { product, vek, certificate });
    return checks.filter(({ outcome }) => outcome === 'fail').map(({ id }) => id);
  };
  const chipId = (start: number, rest: number): Uint8Array => new Uint8Array(64).fill(rest).fill(start, 0, 8);

  it('takes a report without a CPU under Milan and Genoa only', () => {
    expect(failed({ cpuid: null, chipId: chipId(7, 0) }, 'Genoa')).toEqual([]);
    expect(failed({ cpuid: null, chipId: chipId(7, 0) }, 'Turin')).toEqual(['binding-product']);
  });

  it('takes a chip ID that begins with the hardware ID, with zeros behind it, or is all zero', () => {
    const cpuid = null;
    expect(failed({ cpuid, chipId: chipId(7, 0) }, 'Genoa')).toEqual([]);
    expect(failed({ cpuid, chipId: chipId(0, 0) }, 'Genoa')).toEqual([]);
    for (const other of [chipId(7, 1), chipId(6, 0), chipId(0, 1)])
      expect(failed({ cpuid, chipId: other }, 'Genoa')).toEqual(['binding-chip']);
  });
});

describe('a verdict', () => {
  const parse = makeCheck('report-length', true, '', '');
  const rest = (
    ['chain-path', 'binding-tcb', 'signature-report', 'channel-report-data', 'code-measurement'] as const
  ).map((id) => makeCheck(id, true, '', ''));
  const last = skipCheck('chip', 'any', '');

  it('is not reached while a stage is missing', () => {
    const all = [parse, ...rest, last];
    expect(concludeAppraisal(all, null, false).verdict).toBe('accept');
    for (const left of all) {
      const others = all.filter((check) => check !== left);
      expect(() => concludeAppraisal(others, null, false)).toThrow(`no check of stage ${left.stage} was made`);
    }
    expect(() => concludeAppraisal([], null, false)).toThrow(TypeError);
  });

  it('names the first stage with a failed check, whatever the order of the checks', () => {
    const late = makeCheck('chip', false, '', '');
    const early = makeCheck('chain-path', false, '', '');
    expect(concludeAppraisal([late, early, parse], null, true)).toMatchObject({
      verdict: 'reject',
      stage: 'chain',
      code: 'ERR_NOT_AN_ENCLAVE_CHAIN',
      simulated: true,
    });
  });
});

describe('the summary of a report', () => {
  it('names the product line by the root, before that by the CPU, and says when nothing does', async () => {
    const productOf = async (version: 2 | 5, certificates: readonly Uint8Array[]): Promise<string | undefined> => {
      const issued = await amd.issueReport({ version });
      const { report } = await appraiseReport(
        { ...issued, certificates },
        anyReport(ANY_MACHINE),
        'amd',
        NOW,
        createChainCache(),
        createCrlNumbers([]),
      );
      return report?.product;
    };
    const turin = await amd.issueReport({ product: 'Turin' });
    expect(await productOf(5, [])).toBe('Genoa');
    expect(await productOf(2, [])).toBe('unknown');
    expect(await productOf(5, turin.certificates)).toBe('Turin');
    expect(await productOf(2, turin.certificates)).toBe('Turin');
  });
});
