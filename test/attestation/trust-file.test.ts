/** The trust file: every field required, nothing unknown, nothing twice, and every refusal names the path. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PRESETS } from '../../src/attestation/requirements.ts';
import { AMD_ROOTS } from '../../src/attestation/snp/roots.ts';
import { formatTrustFile, parseTrustFile, TRUST_SCHEMA } from '../../src/attestation/trust-file.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { ANY_LOCKDOWN } from './demands.ts';

type Json = Record<string, unknown>;

const validate = new Ajv2020({ strict: true, strictRequired: false }).compile(TRUST_SCHEMA);
const matchesSchema = (text: string): boolean => validate(JSON.parse(text));

const DIGEST = `sha256:${'ab'.repeat(32)}`;

const GENOA = { bootloader: 10, tee: 0, snp: 27, microcode: 88 };
const TURIN = { fmc: 0, bootloader: 1, tee: 0, snp: 4, microcode: 81 };
const FLOORS = { Genoa: GENOA, Turin: TURIN };
const TCB = { reported: FLOORS, committed: FLOORS, launch: FLOORS, current: FLOORS };

/** A complete file, as JSON that a test may change. */
const complete = (): Json =>
  JSON.parse(
    JSON.stringify({
      anchorhold: 'trust/1',
      url: 'https://worker.example:8443',
      roots: 'amd',
      machine: { ...PRESETS['strict-2026-11'], tcb: TCB },
      code: { measurements: ['cd'.repeat(48)], functions: { 'risk-score': DIGEST } },
      isolation: {
        policies: { 'hospital-a': DIGEST },
        lockdown: { ...ANY_LOCKDOWN, egress: 'policy', kernel: ['integrity', 'confidentiality'] },
      },
      freshness: { reattest: 'connection' },
    }),
  ) as Json;

/** Replaces the value at a path; `undefined` removes it. */
function change(path: string, value: unknown): string {
  const file = complete();
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let at: Json = file;
  for (const key of keys) at = at[key] as Json;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return JSON.stringify(file);
}

function refusal(text: string): ConfigurationError {
  try {
    parseTrustFile(text);
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

/** Every path to a value in a complete file, except names that the writer chose and items of lists. */
function pathsOf(value: unknown, path: string): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path];
  if (/(functions|policies)$/.test(path)) return [path];
  // Product lines may be missing, what stands in one may not.
  const mayMiss = /tcb\.[a-z]+\.[A-Z]\w+$/.test(path);
  const below = Object.entries(value).flatMap(([key, item]) => pathsOf(item, path === '' ? key : `${path}.${key}`));
  return path === '' || mayMiss ? below : [path, ...below];
}

const PATHS = pathsOf(complete(), '');

describe('a complete trust file', () => {
  it('is read', () => {
    const trust = parseTrustFile(JSON.stringify(complete()));
    expect(trust.machine).toEqual({ ...PRESETS['strict-2026-11'], tcb: TCB });
    expect(matchesSchema(JSON.stringify(complete()))).toBe(true);
    expect(trust.isolation).toEqual({
      policies: { 'hospital-a': DIGEST },
      others: 'refused',
      lockdown: { ...ANY_LOCKDOWN, egress: 'policy', kernel: ['integrity', 'confidentiality'] },
    });
  });

  it('may name a preset', () => {
    const text = change('machine', 'strict-2026-11');
    expect(parseTrustFile(text).machine).toEqual(PRESETS['strict-2026-11']);
    expect(matchesSchema(text)).toBe(true);
  });

  it('is read as the documents show it, by the schema as by the parser', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/trust.md'), 'utf8');
    const [, shown = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
    expect(parseTrustFile(shown).url).toBe('https://worker.example:8443');
    expect(matchesSchema(shown)).toBe(true);
  });

  it('is described to its last value: no part of the schema lets anything stand there', () => {
    const empty: string[] = [];
    const walk = (schema: unknown, path: string): void => {
      if (typeof schema !== 'object' || schema === null) return;
      if (Object.keys(schema).length === 0) empty.push(path);
      for (const [key, value] of Object.entries(schema)) walk(value, `${path}/${key}`);
    };
    walk(TRUST_SCHEMA, '');
    expect(empty).toEqual([]);
  });

  it('may name its schema, for editors', () => {
    const text = change('$schema', './node_modules/anchorhold/schema/trust-1.schema.json');
    expect(parseTrustFile(text)).toEqual(parseTrustFile(JSON.stringify(complete())));
    expect(matchesSchema(text)).toBe(true);
    expect(refusal(change('$schema', 1)).message).toContain('$schema');
  });

  it.each([
    ['roots', { simulated: ['ab'.repeat(32)] }],
    ['isolation.policies', { 'hospital-a': DIGEST, others: 'any' }],
    ['code.measurements', []],
    ['code.functions', {}],
    ['machine.tcb', 'any'],
    [
      'machine.tcb',
      {
        reported: {
          Genoa: { bootloader: 1, tee: 2, snp: 3, microcode: 4 },
          Turin: { fmc: 0, bootloader: 1, tee: 2, snp: 3, microcode: 4 },
        },
        committed: 'any',
        launch: {},
        current: 'any',
      },
    ],
    ['machine.chips', ['ab'.repeat(8), 'ab'.repeat(64)]],
    ['machine.mitigations', { launch: '0x7', current: 'f' }],
    ['machine.idKey', ['ab'.repeat(48)]],
    ['machine.authorKey', 'any'],
    ['machine.hostData', ['ab'.repeat(32)]],
    ['machine.familyId', 'ab'.repeat(16)],
    ['machine.guestSvn', [1, 2]],
    ['machine.firmware', 'any'],
    ['machine.vmpl', []],
  ])('with another %s comes back from its text', (path, value) => {
    const text = change(path, value);
    const trust = parseTrustFile(text);
    expect(parseTrustFile(formatTrustFile(trust))).toEqual(trust);
    expect([matchesSchema(text), matchesSchema(formatTrustFile(trust))]).toEqual([true, true]);
  });

  it('takes a guest SVN in hex as the same number', () => {
    expect(parseTrustFile(change('machine.guestSvn', '0x1000b')).machine.guestSvn).toBe(65547);
  });

  it('reads a policy file only through the reader that is given', () => {
    const text = change('isolation.policies', { 'hospital-a': { file: './a.yaml' } });
    expect(refusal(text).message).toContain('./a.yaml');
    const seen: string[] = [];
    const trust = parseTrustFile(text, (path) => {
      seen.push(path);
      return `sha256:${'00'.repeat(32)}`;
    });
    expect([seen, trust.isolation.policies]).toEqual([['./a.yaml'], { 'hospital-a': `sha256:${'00'.repeat(32)}` }]);
  });
});

describe('a trust file is refused', () => {
  it('for every field that there is', () => expect(PATHS.length).toBe(108));

  it.each(PATHS)('without %s, naming it', (path) => {
    const text = change(path, undefined);
    expect(matchesSchema(text)).toBe(false);
    const error = refusal(text);
    expect(error.code).toBe('ERR_CONFIGURATION_TRUST');
    expect(error.message).toContain(path);
  });

  it.each(PATHS)('with null or an unknown word as %s, naming it', (path) => {
    // Of a lockdown claim any word may be demanded, which no worker then claims.
    const words = path.startsWith('isolation.lockdown.') ? [] : ['sometimes'];
    for (const value of [null, ...words, 17.5, { surprise: 1 }]) {
      const text = change(path, value);
      expect(matchesSchema(text)).toBe(false);
      const error = refusal(text);
      expect(error.code).toBe('ERR_CONFIGURATION_TRUST');
      expect(error.message).toContain(path);
    }
  });

  it.each([
    ...PATHS.filter((p) => /^(code|isolation|freshness|machine|machine\.(guestPolicy|platform|mitigations))$/.test(p)),
    '',
  ])('with an unknown key in %j, naming it', (path) => {
    const key = path === '' ? 'surprise' : `${path}.surprise`;
    expect(refusal(change(key, 'any')).message).toContain(key);
    expect(matchesSchema(change(key, 'any'))).toBe(false);
  });

  it.each([
    ['url', 'http://worker.example'],
    ['url', 'https://user@worker.example'],
    ['url', 'worker.example'],
    ['roots', { simulated: [] }],
    ['roots', { simulated: ['AB'.repeat(32)] }],
    ['roots', { simulated: ['ab'.repeat(32), AMD_ROOTS.Genoa] }],
    ['roots', { simulated: ['ab'.repeat(32)], amd: true }],
    ['machine', 'strict'],
    ['machine', 'toString'],
    ['machine.products', ['Rome']],
    ['machine.products', ['Genoa', 'Genoa']],
    ['machine.signer', ['VCEK', 'any']],
    ['machine.tcb', '2026-10'],
    ['machine.tcb', { reported: 'any' }],
    [
      'machine.tcb',
      { reported: { Genoa: { bootloader: 1, tee: 2, snp: 3 } }, committed: 'any', launch: 'any', current: 'any' },
    ],
    [
      'machine.tcb',
      {
        reported: { Genoa: { fmc: 0, bootloader: 1, tee: 2, snp: 3, microcode: 4 } },
        committed: 'any',
        launch: 'any',
        current: 'any',
      },
    ],
    [
      'machine.tcb',
      {
        reported: { Turin: { bootloader: 1, tee: 2, snp: 3, microcode: 4 } },
        committed: 'any',
        launch: 'any',
        current: 'any',
      },
    ],
    [
      'machine.tcb',
      {
        reported: { Genoa: { bootloader: 1, tee: 2, snp: 256, microcode: 4 } },
        committed: 'any',
        launch: 'any',
        current: 'any',
      },
    ],
    ['machine.firmware', '1.55'],
    ['machine.firmware', '1.55.256'],
    ['machine.firmware', '01.55.2'],
    ['machine.revocation', 'any'],
    ['machine.chips', ['ab']],
    ['machine.vmpl', [4]],
    ['machine.vmpl', 'any'],
    ['machine.guestPolicy.debug', 'allowed'],
    ['machine.platform.unknownBits', 'required'],
    ['machine.mitigations', { launch: '0x', current: 'any' }],
    ['machine.mitigations', { launch: '1'.repeat(17), current: 'any' }],
    ['machine.mitigations', { launch: 7, current: 'any' }],
    ['machine.idKey', ['ab'.repeat(32)]],
    ['machine.hostData', 'none'],
    ['machine.guestSvn', -1],
    ['machine.guestSvn', 2 ** 32],
    ['code.measurements', 'any'],
    ['code.measurements', ['any']],
    ['code.measurements', { release: './r.json', publishers: [] }],
    ['code.measurements', ['cd'.repeat(48), 'cd'.repeat(48)]],
    ['code.measurements', [{ release: './r.json', keys: [], needed: 1 }]],
    ['code.functions', { f: 'any' }],
    ['code.functions', { '': DIGEST }],
    ['isolation.policies', { others: 'refused' }],
    ['isolation.policies', { a: 'any' }],
    ['isolation.policies', { a: { file: '' } }],
    ['isolation.lockdown', { ...ANY_LOCKDOWN, egress: true }],
    ['isolation.lockdown', { ...ANY_LOCKDOWN, more: 'x' }],
    ['isolation.lockdown', {}],
    ['isolation.lockdown', 'strict'],
    ['freshness.reattest', 'never'],
    ['anchorhold', 'trust/2'],
  ])('with %s = %j', (path, value) => {
    const text = change(path, value);
    expect(matchesSchema(text)).toBe(false);
    const error = refusal(text);
    expect(error.code).toBe('ERR_CONFIGURATION_TRUST');
    expect(error.message).toContain(path.split('.')[0]);
  });

  it('when a key is there twice, also when it is written in another way', () => {
    const text = JSON.stringify(complete());
    expect(refusal(text.replace('"roots":"amd"', '"roots":"amd","roots":"amd"')).code).toBe('ERR_CONFIGURATION_TRUST');
    const escaped = text.replace('"debug":"forbidden"', '"debug":"forbidden","\\u0064ebug":"any"');
    expect(refusal(escaped).message).toContain('twice');
  });

  it('when it is no JSON, too large or too deep', () => {
    expect(refusal('').message).toContain('not JSON');
    expect(refusal(`${' '.repeat(LIMITS.configurationBytes)}{}`).message).toContain('larger');
    expect(refusal('['.repeat(LIMITS.nesting + 1) + ']'.repeat(LIMITS.nesting + 1)).message).toContain('deeper');
    expect(refusal('[]').code).toBe('ERR_CONFIGURATION_TRUST');
  });

  it('or read, whatever the text', () => {
    const mutated = fc.tuple(fc.constantFrom(...PATHS), fc.jsonValue()).map(([path, value]) => change(path, value));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), mutated), (text) => {
        try {
          parseTrustFile(text);
          // The schema may take more than the reader, never less.
          expect(matchesSchema(text)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigurationError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
