/** The conformance contract: exact forms in and out, any line gives a verdict or is said not to be a case, and `anchorhold appraise`. */
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STAGES } from '../../src/appraisal.ts';
import { appraiseCase, parseCase, type Verdict } from '../../src/attestation/conformance.ts';
import { createChainCache } from '../../src/attestation/snp/chain-cache.ts';
import { encodeBase64, encodeHex, encodeUtf8 } from '../../src/base/bytes.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { appraise, appraiseLines } from '../../src/cli/appraise.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { SIMULATED_MEASUREMENT } from '../../src/testing/index.ts';
import { memoryIo } from '../cli/memory-io.ts';
import { NOW, sharedAmd } from '../testing/shared-amd.ts';
import { ANY_MACHINE } from './demands.ts';

type Json = Record<string, unknown>;

const amd = await sharedAmd();
const reportData = new Uint8Array(64).fill(5);
const issued = await amd.issueReport({ reportData });
const root = await amd.root('Genoa');

const healthy = (): Json & { expect: Json } => ({
  name: 'healthy',
  report: encodeBase64(issued.report),
  certificates: issued.certificates.map(encodeBase64),
  crl: encodeBase64(issued.crl ?? new Uint8Array()),
  at: NOW.toISOString(),
  roots: [encodeBase64(root)],
  expect: {
    reportData: encodeHex(reportData),
    measurements: [encodeHex(SIMULATED_MEASUREMENT)],
    machine: structuredClone({ ...ANY_MACHINE, revocation: 'required' }),
  },
});

const run = async (input: Json): Promise<Verdict> =>
  await appraiseCase(parseCase(JSON.stringify(input)), createChainCache());

function notACase(line: string): string {
  try {
    parseCase(line);
  } catch (error) {
    if (error instanceof ConfigurationError && error.code === 'ERR_CONFIGURATION_USAGE') return error.message;
    throw error;
  }
  throw new Error(`accepted: ${line}`);
}

describe('a case', () => {
  it('is none with a number where base64 stands or a time, which would read like one', () => {
    for (const change of [{ report: 1234 }, { certificates: [1234] }, { crl: 1234 }, { roots: [1234] }, { at: 2026 }])
      expect(notACase(JSON.stringify({ ...healthy(), ...change }))).toContain('must be');
  });

  it('gives a verdict of exactly the form of the contract', async () => {
    const verdict = await run(healthy());
    expect(Object.keys(verdict)).toEqual(['name', 'verdict', 'stage', 'code', 'error', 'checks', 'report']);
    expect(verdict).toMatchObject({ name: 'healthy', verdict: 'accept', stage: null, code: null, error: null });
    expect(Object.keys(verdict.report ?? {})).toEqual([
      'version',
      'product',
      'signer',
      'measurement',
      'reportData',
      'hostData',
      'chipId',
      'policy',
      'vmpl',
      'reportedTcb',
    ]);
    for (const check of verdict.checks) expect(Object.keys(check)).toEqual(['id', 'outcome', 'expected', 'actual']);
  });

  it('may have certificates in PEM, several in one, and need not repeat the root', async () => {
    const pem = (der: Uint8Array): string =>
      `-----BEGIN CERTIFICATE-----\n${encodeBase64(der)}\n-----END CERTIFICATE-----\n`;
    const bundle = encodeBase64(encodeUtf8(issued.certificates.slice(0, 2).map(pem).join('')));
    expect((await run({ ...healthy(), certificates: [bundle] })).verdict).toBe('accept');
  });

  it('without a name has none in the verdict', async () => {
    const { name: _, ...rest } = healthy();
    expect((await run(rest)).name).toBeNull();
  });

  it.each([
    ['report', '', 'parse'],
    ['report', encodeBase64(new Uint8Array(1184)), 'parse'],
    ['certificates', [encodeBase64(encodeUtf8('-----BEGIN CERTIFICATE-----'))], 'parse'],
    ['crl', '', 'parse'],
    ['certificates', [], 'chain'],
    ['crl', null, 'chain'],
    ['at', '2000-01-01T00:00:00Z', 'chain'],
    ['roots', 'amd', 'chain'],
    ['roots', [], 'chain'],
  ])('with another %s (%#) is refused at the stage that it belongs to', async (key, value, stage) => {
    const verdict = await run({ ...healthy(), [key]: value });
    expect([verdict.verdict, verdict.stage, verdict.error]).toEqual(['reject', stage, 'NotAnEnclaveError']);
  });

  it('is refused by channel and by code when they differ, and not by either for "any"', async () => {
    const { expect: demands, ...rest } = healthy();
    const stage = async (change: Json): Promise<string | null> =>
      (await run({ ...rest, expect: { ...demands, ...change } })).stage;
    expect(await stage({ reportData: '00'.repeat(64) })).toBe('channel');
    expect(await stage({ measurements: ['00'.repeat(48)] })).toBe('code');
    expect(await stage({ reportData: '00'.repeat(64), measurements: [] })).toBe('channel');
    expect(await stage({ reportData: 'any', measurements: 'any' })).toBeNull();
    expect(await stage({ machine: { ...ANY_MACHINE, vmpl: [] } })).toBe('isolation');
  });

  it.each([
    ['', 'JSON'],
    ['[]', 'object'],
    ['null', 'object'],
    ['{}', 'report'],
    [JSON.stringify({ ...healthy(), extra: 1 }), 'extra'],
    [JSON.stringify({ ...healthy(), report: 'AA' }), 'report'],
    [JSON.stringify({ ...healthy(), certificates: ['AA'] }), 'certificates[0]'],
    [JSON.stringify({ ...healthy(), crl: undefined }), 'crl'],
    [JSON.stringify({ ...healthy(), at: '2026-02-30T00:00:00Z' }), 'at'],
    [JSON.stringify({ ...healthy(), roots: 'any' }), 'roots'],
    [JSON.stringify({ ...healthy(), expect: { ...healthy().expect, reportData: '00' } }), 'expect.reportData'],
    [JSON.stringify({ ...healthy(), expect: { ...healthy().expect, machine: {} } }), 'expect.machine.products'],
  ])('that is none is said to be none, and where (%#)', (line, place) => expect(notACase(line)).toContain(place));

  it('gives a verdict or is none, whatever it holds', async () => {
    const anyBytes = fc.uint8Array({ maxLength: 1300 }).map(encodeBase64);
    const change = fc.oneof(
      anyBytes.map((report) => ({ report })),
      fc.array(anyBytes, { maxLength: 10 }).map((certificates) => ({ certificates })),
      anyBytes.map((crl) => ({ crl })),
      fc.array(anyBytes, { maxLength: 3 }).map((roots) => ({ roots })),
      fc.date({ noInvalidDate: true }).map((at) => ({ at: at.toISOString() })),
      fc.tuple(fc.constantFrom(...Object.keys(healthy())), fc.jsonValue()).map(([key, value]) => ({ [key]: value })),
    );
    await fc.assert(
      fc.asyncProperty(change, async (changes) => {
        try {
          const { verdict, stage } = await run({ ...healthy(), ...changes });
          expect(verdict === 'accept' ? stage === null : stage !== null && STAGES.includes(stage)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigurationError);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('anchorhold appraise', () => {
  const lines = async (
    input: string | readonly Uint8Array[],
  ): Promise<{ out: Json[]; err: string[]; exit: number }> => {
    const out: Json[] = [];
    const err: string[] = [];
    const chunks = typeof input === 'string' ? [encodeUtf8(input)] : input;
    const exit = await appraiseLines(
      Readable.from(chunks),
      (line) => out.push(JSON.parse(line) as Json),
      (line) => err.push(line),
    );
    return { out, err, exit };
  };
  const line = (name: string, change: Json = {}): string => JSON.stringify({ ...healthy(), ...change, name });

  it('answers in order, and ends with 0 whether it accepts or rejects', async () => {
    const { out, err, exit } = await lines(`${line('one')}\n${line('two', { roots: 'amd' })}\n${line('three')}`);
    expect(out.map((v) => [v['name'], v['verdict']])).toEqual([
      ['one', 'accept'],
      ['two', 'reject'],
      ['three', 'accept'],
    ]);
    expect([err, exit]).toEqual([[], 0]);
  });

  it('ends with 1 when a line is not a case, and answers the others', async () => {
    const { out, err, exit } = await lines(`${line('one')}\nnonsense\n\n${line('two')}\n`);
    expect(out.map((v) => v['name'])).toEqual(['one', 'two']);
    expect(exit).toBe(1);
    expect(err.length).toBe(1);
    expect(err[0]).toContain('line 2');
  });

  it('passes over a line that is too long or not UTF-8, without keeping it', async () => {
    const long = Array.from({ length: 5 }, () => new Uint8Array(LIMITS.caseBytes / 2).fill(0x20));
    const rest = encodeUtf8(`\n${line('after')}\n`);
    const { out, err, exit } = await lines([...long, rest, Uint8Array.of(0xff, 0x0a)]);
    expect(out.map((v) => v['name'])).toEqual(['after']);
    expect(err.map((e) => /line \d/.exec(e)?.[0])).toEqual(['line 1', 'line 3']);
    expect(exit).toBe(1);
  });

  it('gives the same wherever the stream is cut', async () => {
    const bytes = encodeUtf8(`${line('one')}\n${line('two', { crl: null })}\n`);
    const whole = await lines([bytes]);
    const cut = [];
    for (let at = 0; at < bytes.length; at += 1000) cut.push(bytes.slice(at, at + 1000));
    expect(await lines(cut)).toEqual(whole);
  });

  it('is a command on stdin and stdout', async () => {
    const io = memoryIo({ stdin: `${line('one')}\nx\n` });
    const exit = await appraise.run({ positionals: [], switches: new Set(), values: new Map() }, io);
    expect(exit).toBe(1);
    expect((JSON.parse(io.out()) as Json)['verdict']).toBe('accept');
    expect(io.err()).toMatch(/^anchorhold: line 2 is not a case: .*\n$/);
  });
});
