/** Completing evidence: only what is missing is asked for, nothing that comes back is trusted, and a service that fails is no verdict. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Appraisal } from '../../src/appraisal.ts';
import { appraiseReport, type Subject } from '../../src/attestation/report-appraisal.ts';
import type { Machine } from '../../src/attestation/requirements.ts';
import { createChainCache } from '../../src/attestation/snp/chain-cache.ts';
import { PRODUCTS } from '../../src/attestation/snp/product.ts';
import { parseReport } from '../../src/attestation/snp/report.ts';
import type { TrustFile } from '../../src/attestation/trust-file.ts';
import { encodeHex, encodeUtf8 } from '../../src/base/bytes.ts';
import { appraiseCompleted, type Collateral } from '../../src/client/collateral.ts';
import { openCollateral } from '../../src/client/collateral-source.ts';
import { openMemoryCrlNumbers } from '../../src/client/crl-number-store.ts';
import { type CollateralCache, openFolderCache, openMemoryCache } from '../../src/io/collateral-cache.ts';
import { openKdsClient } from '../../src/io/kds-client.ts';
import {
  AUTHORITY_SERIALS,
  encodeDerInteger,
  type FakeKds,
  type FakeKdsOptions,
  type IssuedReport,
  type MachineOptions,
  openFakeKds,
  type SimulatedAmd,
} from '../../src/testing/index.ts';
import { ANY_LOCKDOWN, DEFAULT_MACHINE } from '../attestation/demands.ts';
import { NOW, sharedAmd, strangerAmd } from '../testing/shared-amd.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const GENOA = '/vcek/v1/Genoa';

let amd: SimulatedAmd;
let stranger: SimulatedAmd;
let roots: TrustFile['roots'];
let genoa: IssuedReport;
let vcekPath: string;
beforeAll(async () => {
  amd = await sharedAmd();
  stranger = await strangerAmd();
  roots = { simulated: await Promise.all(PRODUCTS.map(async (product) => await amd.rootFingerprint(product))) };
  genoa = await amd.issueReport({ product: 'Genoa' });
  const chip = encodeHex(parseReport(genoa.report).report?.chipId ?? new Uint8Array());
  vcekPath = `${GENOA}/${chip}?blSPL=10&teeSPL=00&snpSPL=27&ucodeSPL=88`;
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'anchorhold-collateral-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function trustOf(machine: Partial<Machine> = {}): TrustFile {
  return {
    url: 'https://worker.example',
    roots,
    machine: { ...DEFAULT_MACHINE, revocation: 'required', ...machine },
    code: { measurements: [encodeHex(genoa.report.subarray(0x90, 0xc0))], functions: {} },
    isolation: { policies: {}, others: 'refused', lockdown: ANY_LOCKDOWN },
    freshness: { reattest: 'connection' },
  };
}

function collateralOf(kds: FakeKds, cache: CollateralCache, clock: () => Date = () => NOW): Collateral {
  const wait = async (): Promise<void> => {};
  const client = openKdsClient({ baseUrl: kds.url, roots: 'system', timeoutMs: 5000, now: clock, wait });
  return { kds: { client, cache, clock }, crlNumbers: openMemoryCrlNumbers() };
}

/** Appraises a bare report; a verdict of null says that it never came to one. */
async function appraise(
  subject: Subject,
  collateral: Collateral,
  over: { readonly machine?: Partial<Machine>; readonly now?: Date } = {},
): Promise<{ verdict: Appraisal['verdict'] | null; failed: readonly string[]; error: unknown }> {
  const trust = trustOf(over.machine);
  const now = over.now ?? NOW;
  let asked = 0;
  try {
    const { verdict, checks } = await appraiseCompleted(
      subject,
      { collateral, trust, now },
      async (completed, crlNumbers) => {
        asked += 1;
        const demands = { reportData: 'any', measurements: trust.code.measurements, machine: trust.machine } as const;
        return await appraiseReport(completed, demands, trust.roots, now, createChainCache(), crlNumbers);
      },
    );
    return { verdict, failed: checks.filter((c) => c.outcome === 'fail').map((c) => c.id), error: null };
  } catch (error) {
    expect(asked).toBe(0);
    return { verdict: null, failed: [], error };
  }
}

const bare = ({ report }: IssuedReport): Subject => ({ report, certificates: [], crl: null });
const ACCEPTED = { verdict: 'accept', failed: [], error: null };

async function withKds(
  options: FakeKdsOptions,
  use: (kds: FakeKds, collateral: Collateral, cache: CollateralCache) => Promise<void>,
): Promise<void> {
  await using kds = await openFakeKds(amd, options);
  const cache = await openFolderCache(folder);
  await use(kds, collateralOf(kds, cache), cache);
}

describe('a report without certificates', () => {
  it('is accepted with those of the service, and without the service from then on', async () => {
    await withKds({}, async (kds, collateral) => {
      expect(await appraise(bare(genoa), collateral)).toEqual(ACCEPTED);
      expect(kds.asked).toEqual([vcekPath, `${GENOA}/cert_chain`, `${GENOA}/crl`]);
      await kds.stop();
      expect(await appraise(bare(genoa), collateralOf(kds, await openFolderCache(folder)))).toEqual(ACCEPTED);
      expect(kds.asked.length).toBe(3);
    });
  });

  it('is refused where nobody may be asked', async () => {
    expect(await appraise(bare(genoa), { kds: null, crlNumbers: openMemoryCrlNumbers() })).toMatchObject({
      verdict: 'reject',
      failed: ['chain-path'],
    });
  });

  it.each<[string, MachineOptions, readonly string[]]>([
    ['of Turin', { product: 'Turin' }, ['/vcek/v1/Turin/cert_chain', '/vcek/v1/Turin/crl']],
    ['of Milan', { product: 'Milan' }, ['/vcek/v1/Milan/cert_chain', '/vcek/v1/Milan/crl']],
    [
      'of Bergamo',
      { product: 'Genoa', cpuid: { family: 0x19, model: 0xa0, stepping: 2 } },
      [`${GENOA}/cert_chain`, `${GENOA}/crl`],
    ],
  ])('%s is accepted', async (_name, machine, rest) => {
    await withKds({}, async (kds, collateral) => {
      expect(await appraise(bare(await amd.issueReport(machine)), collateral)).toEqual(ACCEPTED);
      expect(kds.asked.slice(1)).toEqual(rest);
    });
  });

  it.each<[string, MachineOptions]>([
    ['whose chip hides its ID', { chipId: new Uint8Array(64) }],
    ['under a VLEK, which only the provider gets', { signer: 'VLEK' }],
  ])('%s is refused for want of its VEK', async (_name, machine) => {
    await withKds({}, async (kds, collateral) => {
      const told = await appraise(bare(await amd.issueReport(machine)), collateral);
      expect(told).toMatchObject({ verdict: 'reject', failed: ['chain-path'] });
      expect(kds.asked.map((path) => path.split('/').at(-1))).toEqual(['cert_chain', 'crl']);
    });
  });

  it('of a chip that the service does not know is refused', async () => {
    await withKds({ answer: (path) => (path === vcekPath ? { status: 404 } : null) }, async (_kds, collateral) => {
      expect(await appraise(bare(genoa), collateral)).toMatchObject({ verdict: 'reject', failed: ['chain-path'] });
    });
  });
});

describe('what the evidence has', () => {
  it.each<[string, readonly number[], boolean, readonly string[]]>([
    ['everything', [0, 1, 2], true, []],
    ['all but the list', [0, 1, 2], false, ['crl']],
    ['all but the root', [0, 1], true, ['cert_chain']],
    ['all but the intermediate', [0, 2], true, ['cert_chain']],
    ['only the VCEK', [0], false, ['cert_chain', 'crl']],
    ['all but the VCEK', [1, 2], true, ['vcek']],
  ])('is not asked for: %s', async (_name, indexes, withCrl, expected) => {
    await withKds({}, async (kds, collateral) => {
      const certificates = indexes.map((i) => genoa.certificates[i] ?? new Uint8Array());
      const subject = { report: genoa.report, certificates, crl: withCrl ? genoa.crl : null };
      expect(await appraise(subject, collateral)).toEqual(ACCEPTED);
      const asked = kds.asked.map((path) => (path === vcekPath ? 'vcek' : path.slice(GENOA.length + 1)));
      expect(asked).toEqual(expected);
    });
  });

  it('comes first, also when it is wrong', async () => {
    const { certificates, crl } = await stranger.issueReport({ product: 'Genoa' });
    await withKds({}, async (kds, collateral) => {
      const told = await appraise({ report: genoa.report, certificates, crl }, collateral);
      expect(told).toMatchObject({ verdict: 'reject', failed: ['chain-root'] });
      expect(kds.asked).toEqual([]);
    });
  });

  it('names the product line of a version 2 report', async () => {
    const milan = await amd.issueReport({ product: 'Milan', version: 2 });
    await withKds({}, async (kds, collateral) => {
      const subject = { report: milan.report, certificates: milan.certificates.slice(0, 1), crl: null };
      expect(await appraise(subject, collateral)).toEqual(ACCEPTED);
      expect(kds.asked).toEqual(['/vcek/v1/Milan/cert_chain', '/vcek/v1/Milan/crl']);
    });
  });

  it('with a VLEK is completed from its own addresses', async () => {
    const vlek = await amd.issueReport({ signer: 'VLEK' });
    await withKds({}, async (kds, collateral) => {
      const subject = { report: vlek.report, certificates: vlek.certificates.slice(0, 1), crl: null };
      expect(await appraise(subject, collateral)).toEqual(ACCEPTED);
      expect(kds.asked).toEqual(['/vlek/v1/Genoa/cert_chain', '/vlek/v1/Genoa/crl']);
    });
  });

  it.each<[string, () => Subject, string]>([
    ['a report that is none', () => ({ ...bare(genoa), report: genoa.report.subarray(1) }), 'report-length'],
    ['a certificate that is none', () => ({ ...bare(genoa), certificates: [encodeUtf8('x')] }), 'certificates-form'],
    [
      'too many certificates',
      () => ({
        ...bare(genoa),
        certificates: Array.from({ length: 9 }, () => genoa.certificates[1] ?? new Uint8Array()),
      }),
      'certificates-form',
    ],
  ])('is judged without a question when it is %s', async (_name, subject, id) => {
    await withKds({}, async (kds, collateral) => {
      expect(await appraise(subject(), collateral)).toMatchObject({ verdict: 'reject', failed: [id] });
      expect(kds.asked).toEqual([]);
    });
  });

  it('of a product line without a root is judged without a question', async () => {
    const venice = await amd.issueReport({ product: 'Turin', cpuid: { family: 0x1a, model: 0x50, stepping: 0 } });
    await withKds({}, async (kds, collateral) => {
      expect(await appraise(bare(venice), collateral)).toMatchObject({ failed: ['chain-path'] });
      expect(kds.asked).toEqual([]);
    });
  });
});

describe('a service that fails', () => {
  it.each<[string, (path: string) => boolean]>([
    ['the VCEK', (path) => path === vcekPath],
    ['the chain', (path) => path.endsWith('cert_chain')],
    ['the list', (path) => path.endsWith('crl')],
  ])('with garbage in place of %s is no verdict, and nothing is kept', async (_name, isIt) => {
    let broken = true;
    const answer = (path: string) => (broken && isIt(path) ? { status: 200, body: encodeUtf8('<html>') } : null);
    await withKds({ answer }, async (kds, collateral) => {
      const { verdict, error } = await appraise(bare(genoa), collateral);
      expect(verdict).toBeNull();
      expect(error).toMatchObject({ name: 'TransportError', code: 'ERR_TRANSPORT_UNREACHABLE' });
      broken = false;
      expect(await appraise(bare(genoa), collateral)).toEqual(ACCEPTED);
      expect(kds.asked.slice(-3)).toEqual([vcekPath, `${GENOA}/cert_chain`, `${GENOA}/crl`]);
    });
  });

  it('with a root in place of the VCEK is no verdict', async () => {
    const body = genoa.certificates[2] ?? new Uint8Array();
    await withKds(
      { answer: (path) => (path === vcekPath ? { status: 200, body } : null) },
      async (_kds, collateral) => {
        expect((await appraise(bare(genoa), collateral)).error).toMatchObject({ code: 'ERR_TRANSPORT_UNREACHABLE' });
      },
    );
  });

  it('is no verdict when nothing is kept', async () => {
    await withKds({}, async (kds, collateral) => {
      await kds.stop();
      const { verdict, error } = await appraise(bare(genoa), collateral);
      expect(verdict).toBeNull();
      expect(error).toMatchObject({ name: 'TransportError', code: 'ERR_TRANSPORT_UNREACHABLE' });
    });
  });

  it('because it is too busy is no verdict', async () => {
    const answer = () => ({ status: 429, headers: { 'retry-after': '3600' } });
    await withKds({ answer }, async (kds, collateral) => {
      expect((await appraise(bare(genoa), collateral)).error).toMatchObject({ code: 'ERR_TRANSPORT_OVERLOADED' });
      expect(kds.asked.length).toBe(1);
    });
  });
});

describe('a service that lies', () => {
  it('about the VCEK is refused once, and not believed later', async () => {
    let lying = true;
    const other = await amd.issueReport({ product: 'Genoa', chipId: new Uint8Array(64).fill(1) });
    const body = other.certificates[0] ?? new Uint8Array();
    const answer = (path: string) => (lying && path === vcekPath ? { status: 200, body } : null);
    await withKds({ answer }, async (_kds, collateral) => {
      expect(await appraise(bare(genoa), collateral)).toMatchObject({ verdict: 'reject', failed: ['binding-chip'] });
      lying = false;
      expect(await appraise(bare(genoa), collateral)).toEqual(ACCEPTED);
    });
  });

  it('about everything, with roots of its own, is refused', async () => {
    await using kds = await openFakeKds(stranger);
    const collateral = collateralOf(kds, openMemoryCache());
    const { report } = await stranger.issueReport({ product: 'Genoa' });
    expect(await appraise({ report, certificates: [], crl: null }, collateral)).toMatchObject({
      verdict: 'reject',
      failed: ['chain-root'],
    });
    await appraise({ report, certificates: [], crl: null }, collateral);
    expect(kds.asked.length).toBe(6);
  });
});

describe('any bytes that a service sends', () => {
  it.each<[string, () => readonly [path: string, genuine: Uint8Array]]>([
    ['a VCEK', () => [vcekPath, genoa.certificates[0] ?? new Uint8Array()]],
    ['a list', () => [`${GENOA}/crl`, genoa.crl ?? new Uint8Array()]],
  ])('in place of %s are refused or no verdict, and one changed bit is enough', async (_name, make) => {
    const [path, genuine] = make();
    const subject =
      path === vcekPath
        ? { ...bare(genoa), certificates: genoa.certificates.slice(1), crl: genoa.crl }
        : { ...bare(genoa), certificates: genoa.certificates };
    let body: Uint8Array = genuine;
    await using kds = await openFakeKds(amd, { answer: (asked) => (asked === path ? { status: 200, body } : null) });
    expect(await appraise(subject, collateralOf(kds, openMemoryCache()))).toEqual(ACCEPTED);
    const changed = fc
      .nat(genuine.length * 8 - 1)
      .map((bit) => genuine.map((b, i) => (i === bit >> 3 ? b ^ (1 << (bit & 7)) : b)));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 4, arbitrary: changed }, fc.uint8Array({ maxLength: 2000 })),
        async (bytes) => {
          body = bytes;
          const { verdict, error } = await appraise(subject, collateralOf(kds, openMemoryCache()));
          if (verdict === null) expect(error).toMatchObject({ code: 'ERR_TRANSPORT_UNREACHABLE' });
          else expect(verdict).toBe('reject');
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('what is kept', () => {
  it('of another chip under this address is passed over', async () => {
    await withKds({}, async (kds, collateral, cache) => {
      const other = await amd.issueReport({ product: 'Genoa', chipId: new Uint8Array(64).fill(1) });
      const bytes = other.certificates[0] ?? new Uint8Array();
      await cache.write(`${kds.url}${vcekPath}`, { bytes, fetchedAt: NOW });
      expect(await appraise(bare(genoa), collateral)).toEqual(ACCEPTED);
      expect(kds.asked[0]).toBe(vcekPath);
      expect((await cache.read(`${kds.url}${vcekPath}`, 8192))?.bytes).not.toEqual(bytes);
    });
  });

  it('and was forged refuses once, and is fetched again the next time', async () => {
    const chipId = parseReport(genoa.report).report?.chipId ?? new Uint8Array();
    const forged = (await stranger.issueReport({ product: 'Genoa', chipId })).certificates[0] ?? new Uint8Array();
    await withKds({}, async (kds, collateral, cache) => {
      await cache.write(`${kds.url}${vcekPath}`, { bytes: forged, fetchedAt: NOW });
      expect(await appraise(bare(genoa), collateral)).toMatchObject({
        verdict: 'reject',
        failed: ['chain-vek-signature'],
      });
      expect(kds.asked).not.toContain(vcekPath);
      expect(await appraise(bare(genoa), collateral)).toEqual(ACCEPTED);
      expect(kds.asked).toContain(vcekPath);
    });
  });

  it('outlives evidence that others spoil, also while nobody can be asked', async () => {
    const strange = await stranger.issueReport({ product: 'Genoa' });
    const spoilt: readonly Subject[] = [
      { ...bare(genoa), crl: strange.crl },
      { ...bare(genoa), certificates: strange.certificates.slice(0, 1) },
    ];
    let down = false;
    await withKds({ answer: () => (down ? { status: 500 } : null) }, async (kds, collateral) => {
      expect(await appraise(bare(genoa), collateral)).toEqual(ACCEPTED);
      for (const subject of spoilt) expect((await appraise(subject, collateral)).verdict).toBe('reject');
      down = true;
      const before = kds.asked.length;
      expect(await appraise(bare(genoa), collateral)).toEqual(ACCEPTED);
      expect(kds.asked.slice(before)).toEqual([vcekPath, `${GENOA}/cert_chain`, `${GENOA}/crl`]);
      // What a chain has held with is doubted no more; of a list nobody knows when it was the newest.
      expect(await appraise(bare(genoa), collateral)).toEqual(ACCEPTED);
      expect(kds.asked.slice(before + 3)).toEqual([`${GENOA}/crl`]);
    });
  });

  it('does not turn a forged report into a genuine one, and stays', async () => {
    await withKds({}, async (kds, collateral) => {
      expect(await appraise(bare(genoa), collateral)).toEqual(ACCEPTED);
      const report = genoa.report.map((b, i) => (i === 0x50 ? b ^ 1 : b));
      const told = await appraise({ report, certificates: [], crl: null }, collateral);
      expect(told).toMatchObject({ verdict: 'reject', failed: ['signature-report'] });
      expect(await appraise(bare(genoa), collateral)).toEqual(ACCEPTED);
      expect(kds.asked.length).toBe(3);
    });
  });

  it('is shared by many appraisals at the same time', async () => {
    await withKds({}, async (kds, collateral) => {
      const told = await Promise.all(Array.from({ length: 8 }, async () => await appraise(bare(genoa), collateral)));
      expect(told).toEqual(Array.from({ length: 8 }, () => ACCEPTED));
      await kds.stop();
      expect(await appraise(bare(genoa), collateral)).toEqual(ACCEPTED);
    });
  });
});

describe('a revocation list', () => {
  it.each(['if-present', 'off'] as const)('is not asked for when revocation is %s', async (revocation) => {
    await withKds({}, async (kds, collateral) => {
      expect(await appraise(bare(genoa), collateral, { machine: { revocation } })).toEqual(ACCEPTED);
      expect(kds.asked).toEqual([vcekPath, `${GENOA}/cert_chain`]);
    });
  });

  it('that names the intermediate refuses, and is asked for again', async () => {
    await withKds({ crl: { revoked: [AUTHORITY_SERIALS.Genoa.ask] } }, async (kds, collateral) => {
      expect(await appraise(bare(genoa), collateral)).toMatchObject({ verdict: 'reject', failed: ['crl-revoked'] });
      await appraise(bare(genoa), collateral);
      expect(kds.asked.filter((path) => path.endsWith('/crl')).length).toBe(2);
    });
  });

  it('that the service does not have leaves the requirement unmet', async () => {
    await withKds({ answer: (p) => (p.endsWith('/crl') ? { status: 404 } : null) }, async (_kds, collateral) => {
      expect(await appraise(bare(genoa), collateral)).toMatchObject({ verdict: 'reject', failed: ['crl-present'] });
    });
  });

  it('that is older than one that was seen is refused once, dropped, and never remembered', async () => {
    const crlNumbers = openMemoryCrlNumbers();
    const list = (number: number): FakeKdsOptions => ({ crl: { extensions: { crlNumber: encodeDerInteger(number) } } });
    const told = async (number: number, subject = bare(genoa)) => {
      await using kds = await openFakeKds(amd, list(number));
      return await appraise(subject, { ...collateralOf(kds, openMemoryCache()), crlNumbers });
    };
    // What came with the evidence counts as much as what was fetched.
    expect(await told(0, await amd.issueReport({ product: 'Genoa', ...list(5) }))).toEqual(ACCEPTED);
    expect(await told(4)).toMatchObject({ verdict: 'reject', failed: ['crl-number'] });
    expect(await told(5)).toEqual(ACCEPTED);
    expect((await crlNumbers.read()).entries()).toEqual([[`${genoa.rootFingerprint}/VCEK`, 5n]]);
  });

  it('is asked for again after a day, and serves for as long as it says when nobody answers', async () => {
    await withKds({}, async (kds, _collateral, cache) => {
      let now = NOW;
      const collateral = collateralOf(kds, cache, () => now);
      const lists = (): number => kds.asked.filter((path) => path.endsWith('/crl')).length;
      const at = async (ms: number) => {
        now = new Date(NOW.getTime() + ms);
        return await appraise(bare(genoa), collateral, { now });
      };
      expect(await at(0)).toEqual(ACCEPTED);
      expect([await at(DAY_MS - 1), lists()]).toEqual([ACCEPTED, 1]);
      expect([await at(DAY_MS), lists()]).toEqual([ACCEPTED, 2]);
      // A clock that was set back makes no list older.
      expect([await at(DAY_MS - 1), lists()]).toEqual([ACCEPTED, 3]);
      await kds.stop();
      expect(await at(100 * DAY_MS)).toEqual(ACCEPTED);
      expect((await at(400 * DAY_MS)).error).toMatchObject({ code: 'ERR_TRANSPORT_UNREACHABLE' });
    });
  });
});

describe('the source of certificates', () => {
  it('is opened as it is named', async () => {
    expect((await openCollateral({ source: 'evidence-only' }, () => NOW)).kds).toBeNull();
    const kds = { baseUrl: 'https://kds.example', cacheDir: null };
    expect(await openCollateral({ kds }, () => NOW)).toMatchObject({ kds: { client: {}, cache: {} } });
  });

  it.each<[string, object]>([
    ['no source', {}],
    ['another source', { source: 'anywhere' }],
    ['an address that may not be asked', { kds: { baseUrl: 'http://kds.example', cacheDir: null } }],
  ])('is refused with %s', async (_name, source) => {
    await expect(openCollateral(source as { source: 'evidence-only' }, () => NOW)).rejects.toMatchObject({
      code: 'ERR_CONFIGURATION_USAGE',
    });
  });
});
