/** The policy's JSON Schema, which editors read: it takes all that the reader takes, and refuses unknown keys and wrong kinds as the reader does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse as parseAnyYaml } from 'yaml';
import { makePlan, parsePlan } from '../../fuzz/policy-universe.ts';
import { createRandom } from '../../fuzz/random.ts';
import { POLICY_SCHEMA } from '../../src/policy/parse.ts';
import { HEAD, KEY_A, outcome, SAMPLE } from './sample.ts';

const ROOT = join(import.meta.dirname, '../..');
const validate = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true }).compile(
  POLICY_SCHEMA,
);

/** Judges a file as an editor does: by what YAML takes its words for. */
function takes(text: string): boolean {
  return validate(parseAnyYaml(text, { schema: 'core' }));
}

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const POLICIES: readonly (readonly [string, string])[] = [
  ['the sample', SAMPLE],
  ['the head', HEAD],
  ['hospital-a.yaml', read('test/policy/fixtures/hospital-a.yaml')],
  [
    'the whole policy of the page',
    /```yaml\n(anchorhold: owner-policy\/1\n[\s\S]*?)```/.exec(read('docs/policy.md'))?.[1] ?? '',
  ],
];

describe('the schema of the policy', () => {
  it('is the one that is shipped', () => {
    expect(JSON.parse(read('schema/owner-policy-1.schema.json'))).toEqual(POLICY_SCHEMA);
    const shipped = JSON.parse(read('package.json')) as { readonly exports: object; readonly files: readonly string[] };
    expect(shipped.exports).toHaveProperty(['./schema/owner-policy-1.schema.json']);
    expect(shipped.files).toContain('schema');
  });

  it.each(POLICIES)('takes %s', (_name, text) => {
    expect([takes(text), validate.errors]).toEqual([true, null]);
  });

  it('takes every policy that the reader takes', () => {
    let taken = 0;
    for (let number = 0; number < 600; number++) {
      const plan = makePlan(createRandom('schema', number));
      if (parsePlan(plan) === null) continue;
      taken++;
      const text = JSON.stringify({ anchorhold: 'owner-policy/1', owner: 'o', version: 1, ...plan });
      expect([takes(text), validate.errors]).toEqual([true, null]);
    }
    expect(taken).toBeGreaterThan(200);
  });

  it.each([
    ['names that YAML takes for numbers', 'hospital-a', '42'],
    ['a version in quotes', 'version: 7', 'version: "7"'],
    ['a quoted day', '2026-11-01', '"2026-11-01"'],
    [
      'explicit floors',
      'tcb: 2026-09',
      'tcb: { Genoa: { bootloader: 1, tee: 0, snp: 2, microcode: 3 }, Turin: { fmc: 0, bootloader: 1, tee: 0, snp: 2, microcode: 3 } }',
    ],
    ['one caller without a list', '[clinicians, nightly]', 'nightly'],
    ['terms of a function', 'egress:', 'egress:\n  - { to: "tcp://db.example:5432", limit: 10/day }'],
    ['a revoked key', 'secrets:', `revoked: [{ key: "${KEY_A}" }]\nsecrets:`],
    [
      'a key set at an address',
      './jwks.json',
      `{ url: "https://id.example/keys", pin: "spki-sha256:${'1'.repeat(64)}" }`,
    ],
  ])('takes %s, as the reader does', (_what, from, to) => {
    const text = SAMPLE.replace(from, to);
    expect(text).not.toBe(SAMPLE);
    expect(outcome(text)).toBe('ok');
    expect(takes(text)).toBe(true);
  });

  it.each([
    ['an unknown key', 'explain: callers', 'explains: callers'],
    ['an unknown key below', 'smt: forbidden', 'smts: forbidden'],
    ['a missing key', 'version: 7\n', ''],
    ['another format', 'owner-policy/1', 'owner-policy/2'],
    ['a word that is none of a few', 'smt: forbidden', 'smt: maybe'],
    ['text for a list', '[Genoa, Turin]', 'Genoa'],
    ['a list for text', 'owner: hospital-a', 'owner: [hospital-a]'],
    ['a map for text', 'version: 7', 'version: { is: 7 }'],
    ['a number without its unit', 'max: 64 KiB', 'max: 64'],
    ['a limit without a time', '100/day', '100'],
    ['bytes for calls', '100/day', '100 B/day'],
    ['a short digest', /sha256:9f2c0+/, 'sha256:9f2c'],
    ['a name with capitals', 'nightly: {', 'Nightly: {'],
    ['a path without a method', 'to: POST /risk-score\n', 'to: /risk-score\n'],
    ['an unknown scheme', 'https://api', 'ftp://api'],
    ['a file above', './jwks.json', '../jwks.json'],
    ['two proofs of one caller', `{ key: ${KEY_A} }`, `{ key: ${KEY_A}, certificate: { ca: ./research-ca.pem } }`],
    ['no proof of a caller', `{ key: ${KEY_A} }`, '{}'],
    ['no methods', '    methods: [GET]\n', ''],
    ['a duplicate', '[Genoa, Turin]', '[Genoa, Genoa]'],
    ['zero', 'needed: 2', 'needed: 0'],
    ['a claim that is a number', 'role: clinician', 'role: 5'],
  ])('refuses %s, as the reader does', (_what, from, to) => {
    const text = SAMPLE.replace(from, to);
    expect(text).not.toBe(SAMPLE);
    expect(outcome(text)).not.toBe('ok');
    expect(takes(text)).toBe(false);
  });

  it('is described to its last value: no part of it lets anything stand there', () => {
    const empty: string[] = [];
    const walk = (schema: unknown, path: string): void => {
      if (typeof schema !== 'object' || schema === null) return;
      if (!Array.isArray(schema) && Object.keys(schema).length === 0) empty.push(path);
      for (const [key, value] of Object.entries(schema)) walk(value, `${path}/${key}`);
    };
    walk(POLICY_SCHEMA, '');
    expect(empty).toEqual([]);
  });

  it('may be named in the first line, which changes no digest', () => {
    const line = '# yaml-language-server: $schema=./node_modules/anchorhold/schema/owner-policy-1.schema.json\n';
    expect(outcome(line + SAMPLE)).toBe('ok');
    expect(takes(line + SAMPLE)).toBe(true);
  });
});
