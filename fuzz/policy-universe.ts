/**
 * A small universe for comparing policies by brute force: few names, hosts, paths, proofs, limits and times, from which two versions of a policy
 * are made that resemble each other, and in which every question can be asked.
 */
import { PolicyError } from '../src/errors.ts';
import { type OwnerPolicy, parseOwnerPolicy } from '../src/policy/index.ts';
import type { Random } from './random.ts';

type Plan = Readonly<Record<string, unknown>>;

const DIGESTS = [1, 2].map((n) => `sha256:${String(n).repeat(64)}`);
const PINS = [3, 4].map((n) => `sha256:${String(n).repeat(64)}`);
const KEYS = [
  'ALoTJQJM/T6kT2uOeLQ651DvzdM7NtljB7mLxhMBFsyk=',
  'A/JjkQM1pNzVppqryxk69UDgSv/UKkJwWAJrqEeJMC0s=',
  `A${'A'.repeat(43)}=`,
].map((key) => `ed25519:MCowBQYDK2VwAyE${key}`);
const DAYS = ['2026-11-01', '2026-12-01', '2027-01-01', '2027-02-01'];
/** One instant in each stretch between the days, and each day itself. */
export const INSTANTS: readonly Date[] = [
  '2026-10-15',
  ...DAYS,
  '2026-11-15',
  '2026-12-15',
  '2027-01-15',
  '2027-02-15',
].map((day) => new Date(day));

const PROOFS: readonly Plan[] = [
  { key: KEYS[0] },
  { key: KEYS[1] },
  ...[
    {},
    { organization: 'X' },
    { san: 'S.example' },
    { san: 's@example' },
    { organization: 'X', san: 's.example' },
  ].map((more) => ({
    certificate: { ca: './ca-1.pem', ...more },
  })),
  { certificate: { ca: './ca-1.pem', pin: `spki-${PINS[0]}` } },
  { certificate: { ca: './ca-1.pem', organization: 'Y' } },
  { certificate: { ca: './ca-2.pem', organization: 'X' } },
  ...[{}, { claims: { role: 'r' } }, { claims: { role: 'r', group: 'g' } }, { claims: { aud: 'b' } }].map((more) => ({
    token: { issuer: 'https://id.example', audience: 'a', jwks: './jwks.json', ...more },
  })),
  { token: { issuer: 'https://id.example', audience: 'b', jwks: './jwks.json' } },
];

const REVOKED: readonly Plan[] = [
  { key: KEYS[0] },
  { key: KEYS[2] },
  { certificate: `spki-${PINS[0]}` },
  { certificate: `spki-${PINS[1]}` },
  { token: { issuer: 'https://id.example', subject: 'who' } },
];

const FILES: Readonly<Record<string, string>> = {
  './ca-1.pem': '-----BEGIN CERTIFICATE-----\nMAAx\n-----END CERTIFICATE-----\n',
  './ca-2.pem': '-----BEGIN CERTIFICATE-----\nMAAy\n-----END CERTIFICATE-----\n',
  './jwks.json': '{"keys":[{"kty":"OKP"}]}',
};

const METHODS = ['GET', 'POST'];
const CALLERS = ['one', 'two', 'three'];
const HOSTS = ['x.example', '*.x.example', 'a.x.example', 'b.x.example', '192.0.2.1'];
const QUERY_LIMITS = ['1/second', '2/second', '2/minute', '3/minute', '5/minute'];
const EGRESS_LIMITS = [...QUERY_LIMITS, '5 B/minute', '1 B/second'];

const some = <T>(random: Random, items: readonly T[], chance: number): T[] => items.filter(() => random.chance(chance));

function pathPattern(random: Random): string {
  if (random.chance(0.5)) return random.pick(['', '/a', '/*', '/**', '/c%2Fd']);
  const segments = Array.from({ length: random.below(3) }, () => random.pick(['a', 'b', 'c%2Fd', '*', '*']));
  return [...segments, ...(random.chance(0.3) ? [random.pick(['**', ''])] : [])].map((part) => `/${part}`).join('');
}

const queryRule = (random: Random, isLimited: boolean): Plan => ({
  allow: some(random, CALLERS, 0.5),
  to: `${random.pick(METHODS)} /f${pathPattern(random)}`,
  ...(isLimited ? { limit: random.pick(QUERY_LIMITS) } : {}),
});

const egressRule = (random: Random, hasTerms: boolean): Plan => ({
  to: `https://${random.pick(HOSTS)}${random.chance(0.2) ? ':8443' : ''}${pathPattern(random) || '/'}`,
  methods: some(random, METHODS, 0.7),
  ...(hasTerms && random.chance(0.4) ? { pin: `spki-${random.pick(PINS)}` } : {}),
  ...(hasTerms && random.chance(0.4) ? { credential: { header: random.pick(['a', 'b']), secret: 's' } } : {}),
  ...(hasTerms && random.chance(0.5) ? { limit: random.pick(EGRESS_LIMITS) } : {}),
});

const connectionRule = (random: Random, isLimited: boolean): Plan => ({
  to: `tcp://${random.pick(HOSTS)}:${random.pick([1, 2])}`,
  ...(isLimited ? { limit: random.pick(EGRESS_LIMITS) } : {}),
});

const codeEntry = (random: Random): unknown =>
  random.chance(0.7)
    ? random.pick(DIGESTS)
    : {
        digest: DIGESTS[0],
        ...(random.chance(0.5) ? { instances: 'pooled', 'calls-per-instance': random.pick([1, 2]) } : {}),
        ...(random.chance(0.3) ? { deadline: random.pick(['1 s', '2 s']) } : {}),
        ...(random.chance(0.3) ? { memory: random.pick(['64 KiB', '128 KiB']) } : {}),
        ...(random.chance(0.3) ? { cpu: random.pick(['1 s', '2 s']) } : {}),
        ...(random.chance(0.3) ? { scratch: random.pick(['1 B', '2 B']) } : {}),
        ...(random.chance(0.5)
          ? { env: Object.fromEntries(some(random, ['A', 'B'], 0.5).map((name) => [name, random.pick(['1', '2'])])) }
          : { deterministic: random.pick(['any', 'required']) }),
      };

const floors = (random: Random): Plan =>
  Object.fromEntries(['bootloader', 'tee', 'snp', 'microcode'].map((part) => [part, random.below(2)]));

const machine = (random: Random): Plan => ({
  products: some(random, ['Milan', 'Genoa'], 0.7),
  tcb: random.pick(['any', 'any', { Milan: floors(random), Genoa: floors(random) }]),
  smt: random.pick(['any', 'required', 'forbidden']),
  images: some(random, ['a', 'b'], 0.7).map((digit) => digit.repeat(96)),
  counters: random.pick(['any', 'durable']),
});

const span = (random: Random): Plan => {
  const from = random.below(3);
  return { from: DAYS[from], until: DAYS[from + 1 + random.below(3 - from)] };
};

/** How each section is made; each may be absent. */
const SECTIONS: Readonly<Record<string, (random: Random) => unknown>> = {
  functions: (random) => (random.chance(0.1) ? { g: codeEntry(random) } : { f: codeEntry(random) }),
  machine,
  // Proofs that have to do with each other are the ones worth comparing.
  callers: (random) => {
    const proofs = random.pick([PROOFS.slice(2, 7), PROOFS.slice(-5), PROOFS]);
    return Object.fromEntries(CALLERS.map((name) => [name, random.pick(proofs)]));
  },
  revoked: (random) => (random.chance(0.5) ? [] : some(random, REVOKED, 0.3)),
  queries: (random) => {
    const isLimited = random.chance(0.5);
    return Array.from({ length: 1 + random.below(3) }, () => queryRule(random, isLimited && random.chance(0.8)));
  },
  egress: (random) => {
    const hasTerms = random.chance(0.5);
    const rules = Array.from({ length: 1 + random.below(3) }, () =>
      random.chance(0.3) ? connectionRule(random, hasTerms && random.chance(0.7)) : egressRule(random, hasTerms),
    );
    return rules;
  },
  data: (random) =>
    Object.fromEntries(
      some(random, ['d', 'e'], 0.6).map((name) => [
        name,
        { mount: random.pick(['/d', '/e']), max: random.pick(['1 B', '2 B']) },
      ]),
    ),
  secrets: (random) => ['s', ...some(random, ['t'], 0.5)],
  results: (random) => ({ max: random.pick(['1 B', '2 B']), types: some(random, ['text/plain', 'text/csv'], 0.6) }),
  changes: (random) => {
    const keys = some(random, KEYS, 0.8);
    return keys.length === 0 ? undefined : { keys, needed: 1 + random.below(keys.length) };
  },
  explain: (random) => random.pick(['anyone', 'callers', 'nobody']),
};

const OPTIONAL = ['functions', 'machine', 'data', 'secrets', 'results', 'changes', 'queries', 'egress'];

function makeSection(random: Random, name: string): unknown {
  return OPTIONAL.includes(name) && random.chance(0.15) ? undefined : SECTIONS[name]?.(random);
}

/** Gives a rule one key of another, as where a limit is raised. */
function editRule(random: Random, rule: unknown, other: unknown): unknown {
  const [kept, given] = [rule, other].map((one) => (typeof one === 'object' && one !== null ? { ...one } : {})) as [
    Plan,
    Plan,
  ];
  if ('limit' in kept && random.chance(0.6)) return { ...kept, limit: random.pick(QUERY_LIMITS) };
  const key = random.pick(['limit', ...Object.keys({ ...given, ...kept })]);
  return { ...kept, [key]: given[key] };
}

/** Changes one rule of a list, takes one away or adds one: the usual new version. */
function editList(random: Random, name: string, rules: readonly unknown[]): readonly unknown[] {
  const made = SECTIONS[name]?.(random);
  const fresh: readonly unknown[] = Array.isArray(made) ? made.slice(0, 1) : [];
  const at = random.below(rules.length + 1);
  if (at < rules.length && random.chance(0.6)) return rules.with(at, editRule(random, rules[at], fresh[0]));
  const kept = rules.toSpliced(at, random.below(2));
  return random.chance(0.6) ? kept.toSpliced(at, 0, ...fresh) : kept;
}

/** Changes who one of the callers is. */
function editCallers(random: Random, callers: unknown): unknown {
  const others = typeof callers === 'object' && callers !== null ? callers : {};
  return { ...others, [random.pick(CALLERS)]: random.pick(PROOFS) };
}

function editSection(random: Random, name: string, now: unknown): unknown {
  if (name === 'callers') return editCallers(random, now);
  return Array.isArray(now) && name !== 'secrets' && name !== 'revoked'
    ? editList(random, name, now)
    : makeSection(random, name);
}

function editPlan(random: Random, plan: Plan): Plan {
  const edited: Record<string, unknown> = { ...plan };
  const often = random.pick([
    ['queries', 'queries', 'callers'],
    ['queries', 'callers', 'revoked'],
    ['egress'],
    Object.keys(SECTIONS),
  ]);
  for (let edits = random.below(4); edits > 0; edits--) {
    const name = random.pick(random.chance(0.8) ? often : Object.keys(SECTIONS));
    edited[name] = editSection(random, name, edited[name]);
  }
  return random.chance(0.1) ? { ...edited, valid: span(random) } : edited;
}

/** Parses a plan; null when it is no policy, as where rules overlap under different terms. */
export function parsePlan(plan: Plan): OwnerPolicy | null {
  try {
    const source = JSON.stringify({ anchorhold: 'owner-policy/1', owner: 'o', version: 1, ...plan });
    return parseOwnerPolicy(source, {
      file: 'o.yaml',
      references: (name) => {
        const text = FILES[name];
        return text === undefined ? null : new TextEncoder().encode(text);
      },
    });
  } catch (error) {
    if (error instanceof PolicyError) return null;
    throw error;
  }
}

/** Makes all sections of a policy. */
export function makePlan(random: Random): Plan {
  const valid = random.chance(0.8) ? { from: DAYS[0], until: DAYS[3] } : span(random);
  const sections = Object.keys(SECTIONS).map((name) => [name, makeSection(random, name)] as const);
  return { valid, ...Object.fromEntries(sections) };
}

/** Makes two versions of a policy; null when one of them is none. */
export function makePair(random: Random): readonly [OwnerPolicy, OwnerPolicy] | null {
  const plan = makePlan(random);
  const older = parsePlan(plan);
  const newer = older === null ? null : parsePlan(editPlan(random, plan));
  return older === null || newer === null ? null : [older, newer];
}
