/** A whole policy that uses every section, the files beside it, and how tests parse it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PolicyError } from '../../src/errors.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');
const NAMES = ['./research-ca.pem', './jwks.json', './scorer.trust.json', './anchorhold-1.4.json'];
const FILES = new Map(NAMES.map((name) => [name, Uint8Array.from(readFileSync(join(FIXTURES, name)))]));

export const references = (name: string): Uint8Array | null => FILES.get(name) ?? null;

export const DIGEST: string = `sha256:9f2c${'0'.repeat(60)}`;
export const OTHER_DIGEST: string = `sha256:${'1'.repeat(64)}`;
export const KEY_A: string = 'ed25519:MCowBQYDK2VwAyEALoTJQJM/T6kT2uOeLQ651DvzdM7NtljB7mLxhMBFsyk=';
export const KEY_B: string = 'ed25519:MCowBQYDK2VwAyEA/JjkQM1pNzVppqryxk69UDgSv/UKkJwWAJrqEeJMC0s=';
export const NOW: Date = new Date('2026-12-01T12:00:00Z');

/** The head that every policy needs, in five lines. */
export const HEAD: string = `anchorhold: owner-policy/1
owner: hospital-a
version: 7
valid: { from: 2026-11-01, until: 2027-05-01 }
functions: { risk-score: ${DIGEST} }
`;

export const SAMPLE: string = `${HEAD}
machine:
  products: [Genoa, Turin]
  tcb: 2026-09
  smt: forbidden
  images: [release:./anchorhold-1.4.json]
callers:
  analysts: { certificate: { ca: ./research-ca.pem, organization: Research } }
  nightly: { key: ${KEY_A} }
  clinicians: { token: { issuer: https://id.hospital-a.example, audience: risk, claims: { role: clinician }, jwks: ./jwks.json } }
queries:
  - allow: analysts
    to: POST /risk-score
    limit: 100/day
  - allow: [clinicians, nightly]
    to: POST /risk-score/batch
egress:
  - to: https://api.example.com/v1/lookup/*
    methods: [GET]
    pin: spki-sha256:${'1'.repeat(64)}
    limit: 1 MiB/day
    credential: { header: Authorization, secret: lookup-token }
  - to: enclave://scorer.example:443/score
    methods: [POST]
    trust: ./scorer.trust.json
data:
  patients: { mount: /data/patients.csv, max: 64 MiB }
secrets: [lookup-token]
results:
  max: 64 KiB
  types: [application/json]
changes:
  keys: [${KEY_A}, ${KEY_B}]
  needed: 2
explain: callers
tests:
  - { caller: analysts, query: POST /risk-score, expect: allow }
  - { caller: nobody, query: POST /risk-score, expect: deny }
  - { egress: GET https://api.example.com.evil.test/v1/lookup/1, expect: deny }
`;

/** Parses; `copies` are files beside it that say the same as another one in other bytes: its name, and what is added at the end. */
export function parse(
  text: string | Uint8Array,
  copies: Readonly<Record<string, readonly [of: string, added: string]>> = {},
): OwnerPolicy {
  const find = (name: string): Uint8Array | null => {
    const [of = name, added = ''] = copies[name] ?? [];
    const bytes = references(of);
    return bytes === null ? null : Uint8Array.from([...bytes, ...Buffer.from(added)]);
  };
  return parseOwnerPolicy(text, { file: 'owner.yaml', references: find });
}

/** Parses, and gives the code and place of the refusal as `CODE line:column`, or `ok`. */
export function outcome(text: string | Uint8Array): string {
  try {
    parse(text);
    return 'ok';
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return `${error.code} ${/^owner\.yaml:(\d+:\d+): /.exec(error.message)?.[1]}`;
  }
}
