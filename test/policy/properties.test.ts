/** The laws of the language, on generated policies, requests and bytes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PolicyError } from '../../src/errors.ts';
import { decideEgressForAll, decideQueryForAll } from '../../src/policy/combine.ts';
import { decideEgress, decideQuery } from '../../src/policy/decide.ts';
import { runPolicyTests } from '../../src/policy/explain.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';
import { decideResult } from '../../src/policy/results.ts';
import { showPolicy } from '../../src/policy/show.ts';
import { DIGEST, KEY_A, KEY_B, NOW, OTHER_DIGEST, parse, SAMPLE } from './sample.ts';

/** Gives a policy, or null when it is refused; anything but a PolicyError fails the test. */
function tryParse(text: string | Uint8Array): OwnerPolicy | null {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof PolicyError) return null;
    throw error;
  }
}

describe('parsing', () => {
  it('any bytes gives a policy or a PolicyError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        tryParse(bytes);
      }),
      { numRuns: 3000 },
    );
  });

  it('any text made of the signs of YAML gives a policy or a PolicyError', () => {
    const signs = [
      '- ',
      ': ',
      '? ',
      '[',
      ']',
      '{',
      '}',
      ', ',
      '\n',
      '  ',
      '#',
      '&a',
      '*a',
      '!!x ',
      '|\n',
      '>-\n',
      '"',
      "'",
      '%',
      '---\n',
      '...\n',
    ];
    const words = [
      '<<',
      'owner',
      'queries',
      'allow',
      'a',
      '\t',
      '\u0000',
      '\ufeff',
      '\r',
      '\\',
      '~',
      '1e3',
      '0x1',
      'null',
      '__proto__',
      'constructor',
    ];
    const piece = fc.constantFrom(...signs, ...words);
    const text = fc.array(piece, { maxLength: 60 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.boolean(), (body, afterSample) => {
        tryParse(afterSample ? SAMPLE + body : body);
      }),
      { numRuns: 5000 },
    );
  });

  it('a whole policy with any stretch of it replaced gives a policy or a PolicyError', () => {
    const place = fc.integer({ min: 0, max: SAMPLE.length });
    fc.assert(
      fc.property(
        place,
        fc.integer({ min: 0, max: 40 }),
        fc.string({ unit: 'binary', maxLength: 8 }),
        (at, length, put) => {
          tryParse(SAMPLE.slice(0, at) + put + SAMPLE.slice(at + length));
        },
      ),
      { numRuns: 1500 },
    );
  });

  it.each(['[', '{', '- ', '? ', '&a ', '"', '[a,', '---\n', '}', '[]', ': ', '\n', '{a: ', 'a:\n'])(
    'a file full of %j ends',
    (piece) => {
      expect(tryParse(piece.repeat(Math.floor((256 * 1024) / piece.length)))).toBeNull();
    },
  );
});

const CALLERS = ['ann', 'bob'];
const SEGMENT = fc.constantFrom('a', 'b', '*');
const PATTERN = fc
  .tuple(fc.array(SEGMENT, { maxLength: 2 }), fc.constantFrom('', '/**'))
  .map(([segments, rest]) => `${segments.map((s) => `/${s}`).join('')}${rest}`);
const METHOD = fc.constantFrom('GET', 'POST');
const SOME = fc.subarray(CALLERS);
const HOST = fc.constantFrom('x.example', '*.x.example', 'a.x.example', '192.0.2.1');

const queryRule = fc.record({ allow: SOME, method: METHOD, path: PATTERN });
const egressRule = fc.record({ methods: fc.subarray(['GET', 'POST']), host: HOST, path: PATTERN });

interface Plan {
  readonly queries: readonly { readonly allow: readonly string[]; readonly method: string; readonly path: string }[];
  readonly egress: readonly { readonly methods: readonly string[]; readonly host: string; readonly path: string }[];
  readonly digest: string;
  readonly types: readonly string[];
}
const plan: fc.Arbitrary<Plan> = fc.record({
  queries: fc.array(queryRule, { maxLength: 5 }),
  egress: fc.array(egressRule, { maxLength: 5 }),
  digest: fc.constantFrom(DIGEST, OTHER_DIGEST),
  types: fc.subarray(['text/plain', 'application/json']),
});

function build({ queries, egress, digest, types }: Plan): OwnerPolicy {
  return parse(
    JSON.stringify({
      anchorhold: 'owner-policy/1',
      owner: 'o',
      version: 1,
      valid: { from: '2026-11-01', until: '2027-05-01' },
      functions: { f: digest },
      callers: { ann: { key: KEY_A }, bob: { key: KEY_B } },
      queries: queries.map(({ allow, method, path }) => ({ allow, to: `${method} /f${path}` })),
      egress: egress.map(({ methods, host, path }) => ({ to: `https://${host}${path === '' ? '/' : path}`, methods })),
      results: { max: '1 KiB', types },
    }),
  );
}

const request = fc.record({
  callers: SOME.map((names) => new Set(names)),
  method: METHOD,
  path: fc.constantFrom('/f', '/f/a', '/f/b', '/f/a/b', '/f/a/b/c', '/f/', '/g', '/f/a/'),
  url: fc
    .tuple(
      fc.constantFrom('x.example', 'a.x.example', 'b.x.example', '192.0.2.1', 'evil.test'),
      fc.constantFrom('/', '/a', '/b/a', '/a/b/c'),
    )
    .map(([host, path]) => `https://${host}${path}`),
  functionDigest: fc.constantFrom(DIGEST, OTHER_DIGEST),
  now: fc.constantFrom(NOW, NOW, NOW, new Date(0)),
});
type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

const allows = (policy: OwnerPolicy, r: Request): readonly boolean[] => [
  decideQuery(policy, r).outcome === 'allow',
  decideEgress(policy, r).outcome === 'allow',
];

describe('deciding', () => {
  it('ends for any text, and never allows what is not a string that a rule names', () => {
    const policy = parse(SAMPLE);
    const any = fc.string({ unit: 'binary', maxLength: 60 });
    let seen = 0;
    fc.assert(
      fc.property(any, any, any, fc.array(any, { maxLength: 3 }), (method, path, digest, callers) => {
        seen += 1;
        const asked = { method, functionDigest: digest, now: NOW };
        expect(decideQuery(policy, { ...asked, path, callers: new Set(callers) }).outcome).toBe('deny');
        expect(decideEgress(policy, { ...asked, url: path }).outcome).toBe('deny');
        expect(decideEgress(policy, { ...asked, url: { scheme: method, authority: path, path: digest } }).outcome).toBe(
          'deny',
        );
        expect(decideResult(policy, { status: 200, contentType: path, bytes: 1 }).outcome).toBe('deny');
      }),
      { numRuns: 2000 },
    );
    expect(seen).toBe(2000);
  });

  it('allows exactly what a plain reading of the rules allows', () => {
    const names = (pattern: string, path: string): boolean => {
      const source = pattern
        .split('/')
        .map((s) => (s === '*' ? '[^/]+' : s === '**' ? '[^/]+(/[^/]+)*/?' : s.replaceAll('.', '\\.')));
      return new RegExp(`^${source.join('/')}$`).test(path);
    };
    let allowed = 0;
    fc.assert(
      fc.property(plan, request, (p, r) => {
        const policy = build(p);
        const inForce = r.now === NOW;
        const query = p.queries.some(
          (rule) =>
            rule.method === r.method &&
            names(`/f${rule.path}`, r.path) &&
            rule.allow.some((name) => r.callers.has(name)),
        );
        const { host, pathname } = new URL(r.url);
        const egress = p.egress.some(
          (rule) =>
            rule.methods.includes(r.method) &&
            names(rule.path === '' ? '/' : rule.path, pathname) &&
            (rule.host === host || (rule.host.startsWith('*') && /^[^.]+\.x\.example$/.test(host))),
        );
        const listed = r.functionDigest === p.digest;
        const outcome = allows(policy, r);
        expect(outcome).toEqual([inForce && listed && query, inForce && listed && egress]);
        allowed += outcome.filter(Boolean).length;
      }),
      { numRuns: 3000 },
    );
    // A property that never saw an allowed request would prove nothing.
    expect(allowed).toBeGreaterThan(100);
  });

  it('never allows more when a rule is removed', () => {
    fc.assert(
      fc.property(plan, fc.nat(9), fc.array(request, { minLength: 5, maxLength: 20 }), (p, which, requests) => {
        const without = {
          ...p,
          queries: p.queries.filter((_, i) => i !== which),
          egress: p.egress.filter((_, i) => i !== which - 5),
          types: p.types.slice(which % 2),
        };
        const [more, less] = [build(p), build(without)];
        for (const r of requests) {
          const [before, after] = [allows(more, r), allows(less, r)];
          after.forEach((allowed, i) => expect(!allowed || before[i]).toBe(true));
        }
        for (const contentType of ['text/plain', 'application/json']) {
          const result = { status: 200, contentType, bytes: 1 };
          if (decideResult(less, result).outcome === 'allow') expect(decideResult(more, result).outcome).toBe('allow');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('never allows more when an owner is added, in whatever place', () => {
    fc.assert(
      fc.property(
        fc.array(plan, { maxLength: 3 }),
        plan,
        fc.nat(3),
        fc.array(request, { minLength: 5, maxLength: 20 }),
        (plans, added, at, requests) => {
          const owners = plans.map(build);
          const joined = [...owners.slice(0, at), build(added), ...owners.slice(at)];
          for (const r of requests) {
            const ask = (policies: readonly OwnerPolicy[]): readonly boolean[] => [
              decideQueryForAll(
                policies.map((policy) => ({ policy, callers: r.callers })),
                r,
              ).outcome === 'allow',
              decideEgressForAll(policies, r).outcome === 'allow',
            ];
            const after = ask(joined);
            // No owner at all allows nothing, so there the first owner opens what was closed.
            if (owners.length > 0) ask(owners).forEach((allowed, i) => expect(!after[i] || allowed).toBe(true));
            else expect(ask(owners)).toEqual([false, false]);
            after.forEach((allowed, i) => expect(allowed).toBe(joined.every((policy) => allows(policy, r)[i])));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is the same every time, and every text about it is plain', () => {
    fc.assert(
      fc.property(plan, request, (p, r) => {
        const policy = build(p);
        expect(decideQuery(policy, r)).toEqual(decideQuery(build(p), r));
        const { reason, hint } = decideEgress(policy, r);
        expect(reason).toMatch(/^[\x20-\x7e]+$/);
        expect(hint).toMatch(/^[\x20-\x7e]*$/);
        expect(showPolicy(policy.canonical, policy.digest)).toMatch(/^[\x20-\x7e\n]+$/);
        expect(runPolicyTests(policy)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the digest', () => {
  /** Writes a value as JSON with the keys of every map in an order that `seed` picks. */
  const shuffled = (value: unknown, seed: number): unknown => {
    if (Array.isArray(value)) return value.map((item) => shuffled(item, seed));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, item]) => [key, shuffled(item, seed)] as const);
    return Object.fromEntries(
      entries.sort(
        ([a], [b]) =>
          ((a.length * seed) % 7) - ((b.length * seed) % 7) || (seed % 2 === 0 ? -1 : 1) * a.localeCompare(b),
      ),
    );
  };

  it('does not change with the order of keys or the layout, and changes with every rule', () => {
    fc.assert(
      fc.property(plan, plan, fc.nat(50), fc.integer({ min: 0, max: 4 }), (p, q, seed, indent) => {
        const text = JSON.stringify({
          anchorhold: 'owner-policy/1',
          owner: 'o',
          version: 1,
          valid: { from: '2026-11-01', until: '2027-05-01' },
          functions: { f: p.digest },
          callers: { ann: { key: KEY_A }, bob: { key: KEY_B } },
          queries: p.queries.map(({ allow, method, path }) => ({ allow, to: `${method} /f${path}` })),
          egress: p.egress.map(({ methods, host, path }) => ({
            to: `https://${host}${path === '' ? '/' : path}`,
            methods,
          })),
          results: { max: '1 KiB', types: p.types },
        });
        const other = `# a comment\n${JSON.stringify(shuffled(JSON.parse(text), seed), null, indent)} # another\n`;
        expect(parse(other).digest).toBe(build(p).digest);
        expect(build(q).digest === build(p).digest).toBe(JSON.stringify(q) === JSON.stringify(p));
      }),
      { numRuns: 500 },
    );
  });
});
