/** Demands at their edges: what may be written in a trust file, and what a demand means that no trust file could hold. */
import { describe, expect, it } from 'vitest';
import { checkMachine, parseMask } from '../../src/attestation/machine.ts';
import { type Machine, PRESETS } from '../../src/attestation/requirements.ts';
import { type AttestationReport, type FirmwareVersion, parseReport } from '../../src/attestation/snp/report.ts';
import { checkFirmware, parseFirmware } from '../../src/attestation/tcb-demands.ts';
import { formatTrustFile, parseTrustFile, type TrustFile } from '../../src/attestation/trust-file.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { sharedAmd } from '../testing/shared-amd.ts';
import { ANY_LOCKDOWN, ANY_MACHINE } from './demands.ts';

const amd = await sharedAmd();
const { report } = parseReport((await amd.issueReport()).report);
if (report === null) throw new Error('not issued');
const genuine: AttestationReport = report;
const version = (major: number, minor: number, build: number): FirmwareVersion => ({ major, minor, build });

describe('a firmware version', () => {
  it.each([
    ['0.0.0', version(0, 0, 0)],
    ['1.55.40', version(1, 55, 40)],
    ['255.255.255', version(255, 255, 255)],
    ['256.0.0', null],
    ['0.256.0', null],
    ['0.0.256', null],
    ['999.0.0', null],
    ['1000.0.0', null],
    ['01.0.0', null],
    ['1.00.0', null],
    ['1.0.00', null],
    ['1.0', null],
    ['1.0.0.0', null],
    ['1.0.0 ', null],
    [' 1.0.0', null],
    ['v1.0.0', null],
    ['', null],
  ])('%j is %j', (text, expected) => {
    expect(parseFirmware(text)).toEqual(expected);
  });

  it('is compared part by part, and both of a report count', () => {
    const outcome = (current: FirmwareVersion, committed: FirmwareVersion, demand = '1.55.40'): string =>
      checkFirmware({ ...genuine, currentFirmware: current, committedFirmware: committed }, demand).outcome;
    const exact = version(1, 55, 40);
    for (const good of [exact, version(1, 55, 41), version(1, 56, 0), version(2, 0, 0)]) {
      expect([good, outcome(good, exact), outcome(exact, good)]).toEqual([good, 'pass', 'pass']);
    }
    for (const bad of [version(1, 55, 39), version(1, 54, 255), version(0, 255, 255)]) {
      expect([bad, outcome(bad, exact), outcome(exact, bad)]).toEqual([bad, 'fail', 'fail']);
    }
    expect(outcome(version(0, 0, 0), version(0, 0, 0), 'any')).toBe('skipped');
  });
});

describe('a mask', () => {
  it.each([
    ['0', 0n],
    ['0xff', 255n],
    ['ffffffffffffffff', 2n ** 64n - 1n],
    ['0x10000000000000000', null],
    ['', null],
    ['0x', null],
    ['FF', null],
    ['1g', null],
    [' 1', null],
    ['1 ', null],
    ['x1', null],
  ])('%j is %s', (text, expected) => {
    expect(parseMask(text)).toBe(expected);
  });
});

describe('a demand that cannot be read', () => {
  it.each<[string, Partial<Machine>]>([
    ['firmware', { firmware: 'newest' }],
    ['mitigations-launch', { mitigations: { launch: 'all', current: 'any' } }],
    ['mitigations-current', { mitigations: { launch: 'any', current: '' } }],
    ['tcb-current', { tcb: '2099-01' as '2026-09' }],
  ])('refuses and does not break: %s', (id, demand) => {
    const checks = checkMachine(genuine, 'Genoa', { ...ANY_MACHINE, ...demand });
    expect(checks.find((check) => check.id === id)?.outcome).toBe('fail');
  });
});

describe('a floor', () => {
  const level = { bootloader: 0, tee: 0, snp: 0, microcode: 0 };
  const outcome = (floor: Machine['tcb']): string | undefined =>
    checkMachine(genuine, 'Genoa', { ...ANY_MACHINE, tcb: floor }).find(({ id }) => id === 'tcb-reported')?.outcome;
  const all = (floors: object): Machine['tcb'] => ({
    reported: floors,
    committed: 'any',
    launch: 'any',
    current: 'any',
  });

  it('is of the layout of the TCB, even where all its levels are 0', () => {
    expect(outcome(all({ Genoa: level }))).toBe('pass');
    expect(outcome(all({ Genoa: { ...level, fmc: 0 } }))).toBe('fail');
    expect(outcome(all({ Turin: { ...level, fmc: 0 } }))).toBe('fail');
    expect(outcome(all({}))).toBe('fail');
  });
});

describe('a trust file', () => {
  const DIGEST = `sha256:${'ab'.repeat(32)}` as const;
  const whole: TrustFile = {
    url: 'https://worker.example',
    roots: 'amd',
    machine: PRESETS['strict-2026-11'],
    code: { measurements: [], functions: {} },
    isolation: { policies: { 'hospital-a': DIGEST }, others: 'refused', lockdown: ANY_LOCKDOWN },
    freshness: { reattest: 'connection' },
  };
  const read = (changes: Partial<TrustFile>): string => {
    try {
      parseTrustFile(formatTrustFile({ ...whole, ...changes }));
      return 'read';
    } catch (error) {
      if (error instanceof ConfigurationError) return error.message;
      throw error;
    }
  };

  it.each([
    'https://worker.example',
    'https://worker.example:8443/path?query',
    `https://worker.example/${'x'.repeat(2048 - 'https://worker.example/'.length)}`,
  ])('may name %s', (url) => {
    expect(read({ url })).toBe('read');
  });

  it.each([
    'http://worker.example',
    'worker.example',
    '',
    'https://',
    'https://user@worker.example',
    'https://user:password@worker.example',
    'https://:password@worker.example',
    `https://worker.example/${'x'.repeat(2049 - 'https://worker.example/'.length)}`,
  ])('may not name %s', (url) => {
    expect(read({ url })).toContain('url must be an https:// URL without user or password');
  });

  it('has lockdown claims of 1 to 256 characters', () => {
    const lockdown = (egress: string): string =>
      read({ isolation: { ...whole.isolation, lockdown: { ...ANY_LOCKDOWN, egress } } });
    expect(lockdown('x')).toBe('read');
    expect(lockdown('x'.repeat(256))).toBe('read');
    expect(lockdown('x'.repeat(257))).toContain('isolation.lockdown.egress must be a text of 1 to 256 characters');
    expect(lockdown('')).toContain('isolation.lockdown.egress must be a text of 1 to 256 characters');
  });

  it('that names a file for a policy is refused unless somebody reads it', () => {
    const text = formatTrustFile(whole).replace(JSON.stringify(DIGEST), '{"file":"a.yaml"}');
    expect(() => parseTrustFile(text)).toThrow('names the policy file "a.yaml", which is not read here');
    const asked: string[] = [];
    const trust = parseTrustFile(text, (path) => {
      asked.push(path);
      return DIGEST;
    });
    expect([asked, trust.isolation.policies]).toEqual([['a.yaml'], { 'hospital-a': DIGEST }]);
    expect(() => parseTrustFile(text.replace('"a.yaml"', '""'), () => DIGEST)).toThrow('file must be a text');
    expect(() => parseTrustFile(text.replace('"a.yaml"', '"a","b":1'), () => DIGEST)).toThrow('is not a known key');
    expect(() => parseTrustFile(formatTrustFile(whole).replace(JSON.stringify(DIGEST), 'null'))).toThrow(
      ConfigurationError,
    );
  });

  it('has floors for product lines that exist', () => {
    const level = { bootloader: 0, tee: 0, snp: 0, microcode: 0 };
    const withFloors = (floors: object): string => {
      const tcb = { reported: floors, committed: 'any', launch: 'any', current: 'any' } as const;
      return read({ machine: { ...PRESETS['strict-2026-11'], tcb } });
    };
    expect(withFloors({ Genoa: level })).toBe('read');
    expect(withFloors({ Rome: level })).toContain('machine.tcb.reported must be an object of Milan, Genoa, Turin');
    expect(withFloors({ Genoa: { ...level, fmc: 0 } })).toContain('fmc is not a known key');
    expect(withFloors({ Turin: level })).toContain('fmc is missing');
  });

  it('lists measurements, and says that releases are not read here', () => {
    const withMeasurements = (value: unknown): string => {
      const file = JSON.parse(formatTrustFile(whole)) as { code: { measurements: unknown } };
      file.code.measurements = value;
      try {
        parseTrustFile(JSON.stringify(file));
        return 'read';
      } catch (error) {
        return error instanceof ConfigurationError ? error.message : `leaked ${String(error)}`;
      }
    };
    const list = 'code.measurements must be a list of measurements (96 hex digits each) and releases, never "any"';
    expect(withMeasurements([])).toBe('read');
    expect(withMeasurements(['ab'.repeat(48)])).toBe('read');
    const key = `ed25519:MCowBQYDK2VwAyEA${'A'.repeat(43)}=`;
    expect(withMeasurements([{ release: './r.json', keys: [key], needed: 1 }])).toContain('which is not read here');
    for (const other of ['any', null, {}, 1, { release: '1' }]) expect(withMeasurements(other)).toContain(list);
    expect(withMeasurements(['ab'])).toContain('code.measurements[0] must be 96 lower-case hex digits');
  });
});
