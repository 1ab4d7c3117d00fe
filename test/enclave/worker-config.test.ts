/** The worker's configuration: every field there, of its kind and in its range, and nothing besides; the files that it names are read with it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { singleFile } from '../../src/enclave/function-files.ts';
import { fixedNameFlaw, isFunctionName, parseWorkerConfig } from '../../src/enclave/worker-config.ts';
import { loadWorkerParts } from '../../src/enclave/worker-parts.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { DISK } from '../../src/io/files.ts';
import { makeSigningKey } from '../e2e/worker.ts';
import { issueAuthority } from '../fixtures/certificates.ts';

const GOOD = {
  anchorhold: 'anchorhold-worker/1',
  listen: { host: '0.0.0.0', port: 8443 },
  policies: ['./hospital-a.yaml'],
  functions: { 'risk-score': './risk-score.wasm' },
  endorsements: ['./vcek.der'],
  deadlineMs: 10_000,
  egress: { names: { 'api.example.com': '10.0.0.7' }, roots: 'system' },
};

/** The good configuration with one path replaced; `undefined` takes the field away. */
function change(path: string, value: unknown): string {
  const copy = structuredClone(GOOD) as Record<string, unknown>;
  const keys = path.split('.');
  let at = copy;
  for (const key of keys.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[keys.at(-1) ?? ''] = value;
  return JSON.stringify(copy);
}

const FIELDS = [
  'anchorhold',
  'listen',
  'listen.host',
  'listen.port',
  'policies',
  'functions',
  'endorsements',
  'deadlineMs',
  'egress',
  'egress.names',
  'egress.roots',
];
const refused = expect.objectContaining({ code: 'ERR_CONFIGURATION_FILE' }) as Error;

describe('a configuration', () => {
  it('is read as it stands', () => {
    const { anchorhold: _format, ...config } = GOOD;
    expect(parseWorkerConfig(JSON.stringify(GOOD))).toEqual({ ...config, wasi: '0.2', store: 'memory', owners: {} });
  });

  it.each(FIELDS)('without %s is refused, and the message names it', (path) => {
    expect(() => parseWorkerConfig(change(path, undefined))).toThrow(refused);
    expect(() => parseWorkerConfig(change(path, undefined))).toThrow(path);
  });

  it.each(FIELDS.flatMap((path) => [true, null, -1, ['']].map((value) => [path, value] as const)))(
    'with %s as %j is refused',
    (path, value) => {
      expect(() => parseWorkerConfig(change(path, value))).toThrow(refused);
    },
  );

  it('loads functions of WASI 0.3 only where it says so', () => {
    expect(parseWorkerConfig(change('wasi', undefined)).wasi).toBe('0.2');
    expect(parseWorkerConfig(change('wasi', '0.3')).wasi).toBe('0.3');
  });

  describe('that names owners who may come', () => {
    const key = makeSigningKey().text;
    const code = (owners: unknown): string | null => {
      try {
        parseWorkerConfig(change('owners', owners));
        return null;
      } catch (error) {
        return (error as { code: string }).code;
      }
    };

    it('names the keys that must sign for each, and nobody where it says nothing', () => {
      const { owners } = parseWorkerConfig(change('owners', { 'hospital-b': { keys: [key], needed: 1 } }));
      expect(owners['hospital-b']).toEqual({ keys: [expect.any(Uint8Array)], needed: 1 });
      expect(parseWorkerConfig(change('owners', undefined)).owners).toEqual({});
    });

    it.each([
      ['no keys', { b: { keys: [], needed: 1 } }],
      ['more keys needed than there are', { b: { keys: [key], needed: 2 } }],
      ['none needed', { b: { keys: [key], needed: 0 } }],
      ['a key that is none', { b: { keys: ['ed25519:AAAA'], needed: 1 } }],
      ['a key twice', { b: { keys: [key, key], needed: 1 } }],
      ['a name that is none', { 'Hospital B': { keys: [key], needed: 1 } }],
      ['the name that trust files use', { others: { keys: [key], needed: 1 } }],
      ['no needed', { b: { keys: [key] } }],
      ['a list', [key]],
    ])('with %s is refused', (_what, owners) => {
      expect(code(owners)).toBe('ERR_CONFIGURATION_FILE');
    });
  });

  it.each(['extra', 'listen.extra', 'egress.extra'])('with the unknown field %s is refused', (path) => {
    expect(() => parseWorkerConfig(change(path, 1))).toThrow(refused);
    expect(() => parseWorkerConfig(change(path, 1))).toThrow(path);
  });

  it.each([
    ['anchorhold', 'anchorhold-worker/2'],
    ['listen.host', ''],
    ['listen.host', 'not a host'],
    ['listen.port', 65_536],
    ['listen.port', 1.5],
    ['deadlineMs', 0],
    ['deadlineMs', 600_001],
    ['wasi', '0.1'],
    ['store', 'disk'],
    ['store', { folder: './store' }],
    ['store', { folder: './store', keySource: { kind: 'none' } }],
    ['store', { folder: '', keySource: { kind: 'simulated-file', file: './key' } }],
    ['policies', ['./a.yaml', './a.yaml']],
    ['policies', ['./a.yaml\0']],
    ['functions', { Upper: './upper.wasm' }],
    ['functions', { '-a': './upper.wasm' }],
    ['functions', { upper: '' }],
    ['functions', { upper: 1 }],
    ['egress.names', { 'api.example.com': 'other.example.com' }],
    ['egress.names', { 'API.example.com': '10.0.0.7' }],
    ['egress.roots', 'none'],
  ])('with %s as %j is refused', (path, value) => {
    expect(() => parseWorkerConfig(change(path, value))).toThrow(refused);
  });

  it.each([
    ['listen.host', '::'],
    ['listen.host', 'localhost'],
    ['listen.port', 0],
    ['policies', []],
    ['functions', {}],
    ['endorsements', []],
    ['egress.names', {}],
    ['egress.names', { 'api.example.com': 'fd00::7' }],
    ['egress.roots', ['./roots.pem']],
    ['store', 'memory'],
    ['store', { folder: './store', keySource: { kind: 'simulated-file', file: './key' } }],
  ])('may have %s as %j', (path, value) => {
    expect(() => parseWorkerConfig(change(path, value))).not.toThrow();
  });

  it('with a key twice is refused', () => {
    expect(() => parseWorkerConfig(JSON.stringify(GOOD).replace('{', '{"deadlineMs":1,'))).toThrow(refused);
  });

  it('of any text is a value or a refusal', () => {
    const json = fc.oneof(
      fc.string(),
      fc.json(),
      fc.json().map((value) => change('functions', JSON.parse(value))),
    );
    fc.assert(
      fc.property(json, (text) => {
        try {
          parseWorkerConfig(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigurationError);
          expect(error).toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
        }
      }),
    );
  });
});

describe('a name', () => {
  it.each([
    ['upper', true],
    ['risk-score', true],
    ['a', true],
    ['Risk', false],
    ['a-', false],
    ['', false],
    ['a/b', false],
    ['a'.repeat(65), false],
  ])('%s may be that of a function: %s', (name, may) => {
    expect(isFunctionName(name)).toBe(may);
  });

  it('is fixed to an address, and only then', () => {
    expect(fixedNameFlaw('api.example.com', '10.0.0.7')).toBeNull();
    expect(fixedNameFlaw('api.example.com', 'localhost')).not.toBeNull();
    expect(fixedNameFlaw('a..b', '10.0.0.7')).not.toBeNull();
  });
});

describe('the files of a configuration', () => {
  const folder = mkdtempSync(join(tmpdir(), 'anchorhold-config-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const authority = issueAuthority('Root');
  const policy = 'anchorhold: owner-policy/1\nowner: a\nversion: 1\nvalid: { from: 2020-01-01, until: 2099-01-01 }\n';
  writeFileSync(join(folder, 'a.yaml'), policy);
  writeFileSync(join(folder, 'f.wasm'), 'bytes');
  writeFileSync(join(folder, 'root.pem'), authority.pem);
  writeFileSync(join(folder, 'root.der'), authority.der);
  writeFileSync(join(folder, 'text'), 'no certificate');
  writeFileSync(join(folder, 'broken.pem'), authority.pem.replace('MII', 'AAA'));
  const config = {
    listen: { host: '127.0.0.1', port: 0 },
    policies: ['a.yaml'],
    functions: { f: 'f.wasm' },
    endorsements: ['root.pem', './root.der'],
    deadlineMs: 1,
    wasi: '0.2' as const,
    store: 'memory' as const,
    owners: {},
    egress: { names: {}, roots: ['root.pem'] },
  };

  it('are read beside it', async () => {
    const parts = await loadWorkerParts(config, folder, DISK);
    expect(parts.policies.map(({ owner, file }) => [owner, file])).toEqual([['a', 'a.yaml']]);
    expect([...parts.functions]).toEqual([['f', singleFile(Uint8Array.from(Buffer.from('bytes')))]]);
    expect(parts.endorsements).toEqual([authority.der, authority.der]);
    expect(parts.egress.roots).toEqual([authority.pem]);
  });

  it.each([
    ['a policy that is not there', { policies: ['none.yaml'] }, 'ERR_CONFIGURATION_FILE'],
    ['a policy that is none', { policies: ['text'] }, 'ERR_POLICY_SYNTAX'],
    ['a function that is not there', { functions: { f: 'none.wasm' } }, 'ERR_CONFIGURATION_FILE'],
    ['an endorsement that is none', { endorsements: ['text'] }, 'ERR_CONFIGURATION_FILE'],
    ['roots without a certificate', { egress: { names: {}, roots: ['text'] } }, 'ERR_CONFIGURATION_FILE'],
    ['roots with a broken certificate', { egress: { names: {}, roots: ['broken.pem'] } }, 'ERR_CONFIGURATION_FILE'],
  ])('refuse %s', async (_name, over, code) => {
    await expect(loadWorkerParts({ ...config, ...over }, folder, DISK)).rejects.toMatchObject({ code });
  });
});
