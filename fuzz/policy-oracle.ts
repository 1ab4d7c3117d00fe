/**
 * Says by brute force whether one policy allows something that another refuses, section by section: every question of the small universe is put
 * to the real decisions, every proof is judged field by field, and every limit is used up by the real counter. Knows nothing of how src compares.
 */
import {
  type CallerRule,
  decideConnection,
  decideEgress,
  decideLookup,
  decideQuery,
  decideRate,
  decideResult,
  type MachineRules,
  type OwnerPolicy,
  type RateLimit,
  type RateState,
  stricterTerms,
} from '../src/policy/index.ts';
import { INSTANTS } from './policy-universe.ts';

/** Whether `policy` allows something that `other` refuses. */
type Oracle = (policy: OwnerPolicy, other: OwnerPolicy) => boolean;

interface Credential {
  readonly key?: string;
  readonly ca?: string;
  readonly organization?: string | null;
  readonly sans?: readonly string[];
  readonly pin?: string;
  /** Digests of the keys of the chain. */
  readonly chain?: readonly string[];
  readonly subject?: string;
  readonly audiences?: readonly string[];
  readonly claims?: Readonly<Record<string, string>>;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const PINS = [`sha256:${'3'.repeat(64)}`, `sha256:${'4'.repeat(64)}`, 'other'];

/** What somebody could hold, made from what the two files speak of and one thing that neither does. */
function credentialsOf(rules: readonly CallerRule[]): readonly Credential[] {
  const certificates = ['x', 'y'].flatMap((ca) =>
    [null, 'X', 'Y'].flatMap((organization) =>
      [[], ['s.example'], ['s@example'], ['s.example', 's@example']].flatMap((sans) =>
        PINS.flatMap((pin) => [[pin], [pin, PINS[1] ?? '']].map((chain) => ({ ca, organization, sans, pin, chain }))),
      ),
    ),
  );
  const tokens = [['a'], ['b'], ['a', 'b']].flatMap((audiences) =>
    [{}, { role: 'r' }, { role: 'r', group: 'g' }, { group: 'g' }].flatMap((claims) =>
      ['who', 'else'].map((subject) => ({ audiences, claims, subject })),
    ),
  );
  const keys = rules.flatMap((rule) => (rule.kind === 'key' ? [{ key: hex(rule.spki) }] : []));
  return [...certificates, ...tokens, ...keys];
}

function satisfies(held: Credential, rule: CallerRule): boolean {
  if (rule.kind === 'key') return held.key === hex(rule.spki);
  if (rule.kind === 'token') {
    const { audiences, claims } = held;
    if (audiences === undefined || claims === undefined || !audiences.includes(rule.audience)) return false;
    return Object.entries(rule.claims).every(([name, value]) =>
      name === 'aud' ? audiences.includes(value) : claims[name] === value,
    );
  }
  if (held.ca === undefined || !rule.ca.includes(`MAA${held.ca}`)) return false;
  const isOrganization = rule.organization === null || held.organization === rule.organization;
  const san = rule.san;
  const isNamed =
    san === null || held.sans?.some((name) => (san.includes('@') ? name === san : name === san.toLowerCase())) === true;
  return isOrganization && isNamed && (rule.pin === null || held.pin === rule.pin);
}

const isRevoked = (held: Credential, { revoked }: OwnerPolicy): boolean =>
  revoked.some((rule) => {
    if (rule.kind === 'key') return held.key === hex(rule.spki);
    if (rule.kind === 'certificate') return held.chain?.includes(rule.pin) === true;
    return held.subject !== undefined && held.subject === rule.subject;
  });

const namesOf = (held: Credential, policy: OwnerPolicy): ReadonlySet<string> =>
  new Set(
    isRevoked(held, policy) ? [] : policy.callers.filter((rule) => satisfies(held, rule)).map(({ name }) => name),
  );

/** Everybody who could ask, by the names that they have in the two files; who has the same names is the same here. */
function askers(
  policy: OwnerPolicy,
  other: OwnerPolicy,
): readonly (readonly [own: ReadonlySet<string>, other: ReadonlySet<string>])[] {
  const found = new Map<string, readonly [ReadonlySet<string>, ReadonlySet<string>]>();
  for (const held of [{}, ...credentialsOf([...policy.callers, ...other.callers])]) {
    // What counts again is asked of the section that took it back.
    if (isRevoked(held, other) && !isRevoked(held, policy)) continue;
    const names = [namesOf(held, policy), namesOf(held, other)] as const;
    found.set(names.map((set) => [...set].toSorted().join('+')).join('|'), names);
  }
  return [...found.values()];
}

const RESTS = ['', '/a', '/b', '/c%2Fd', '/z'];
const TAILS = ['', '/z'];
/** All that patterns of two parts and a rest can tell apart. */
const PATHS = RESTS.flatMap((first) => (first === '' ? [''] : RESTS.map((second) => first + second)))
  .flatMap((path) => (path.split('/').length < 3 ? [path] : TAILS.map((tail) => path + tail)))
  .flatMap((path) => [path, `${path}/`]);
const METHODS = ['GET', 'POST'];
const HOSTS = ['x.example', 'a.x.example', 'b.x.example', 'z.x.example', '192.0.2.1'];

/** An instant at which a file is in force: whether time itself makes a difference is asked apart. */
const instantOf = ({ valid }: OwnerPolicy): Date =>
  INSTANTS.find((now) => now >= valid.from && now < valid.until) ?? new Date(0);

const digestOf = (policy: OwnerPolicy, name: string): string =>
  policy.functions.find((rule) => rule.name === name)?.digest ?? '';

interface Pool {
  readonly limit: RateLimit | null;
  /** Which questions are paid from it. */
  readonly pays: (question: number) => boolean;
}

/** The counts of several pools: what could be left after all the ways in which calls may have been charged. */
function chargeAny(
  states: readonly (readonly RateState[])[],
  pools: readonly Pool[],
  question: number,
  now: number,
): (readonly RateState[])[] {
  const next = new Map<string, readonly RateState[]>();
  for (const state of states) {
    for (const [i, { limit, pays }] of pools.entries()) {
      if (limit === null || !pays(question)) continue;
      const { allowed, state: after } = decideRate(state[i] ?? null, limit, 1, now);
      if (!allowed) continue;
      const charged = pools.map((pool, j) =>
        j === i ? after : pool.limit === null ? after : decideRate(state[j] ?? null, pool.limit, 0, now).state,
      );
      next.set(charged.map(({ debt }) => debt).join(), charged);
    }
  }
  return [...next.values()];
}

const START_MS = 1_800_000_000_000;
/** Longer than the slowest of the limits takes to be outrun. */
const SECONDS = 130;

/** Uses up all that one side's pools give for some questions, second by second, until the other side refuses one. */
function outruns(own: readonly Pool[], others: readonly Pool[], questions: readonly number[]): boolean {
  const isFree = (pools: readonly Pool[], question: number): boolean =>
    pools.some(({ limit, pays }) => limit === null && pays(question));
  const counted = questions.filter((question) => !isFree(others, question));
  if (counted.length === 0) return false;
  if (counted.some((question) => isFree(own, question))) return true;
  const mine: (RateState | null)[] = own.map(() => null);
  let theirs: readonly (readonly RateState[])[] = [[]];
  for (let second = 0; second < SECONDS; second++) {
    const now = START_MS + second * 1000;
    for (const question of counted) {
      for (const [i, { limit, pays }] of own.entries()) {
        if (limit === null || !pays(question)) continue;
        for (;;) {
          const { allowed, state } = decideRate(mine[i] ?? null, limit, 1, now);
          mine[i] = state;
          if (!allowed) break;
          theirs = chargeAny(theirs, others, question, now);
          if (theirs.length === 0) return true;
        }
      }
    }
  }
  return false;
}

/** Whether one side outruns the other in what some of its pools pay; questions that are paid alike on both sides count once. */
function outrunsSomewhere(own: readonly Pool[], others: readonly Pool[], count: number): boolean {
  const kinds = new Map<string, number>();
  for (let question = 0; question < count; question++) {
    const [mine, theirs] = [own, others].map((pools) => pools.map(({ pays }) => Number(pays(question))).join(''));
    if (mine?.includes('1') === true && theirs?.includes('1') === true) kinds.set(`${mine}|${theirs}`, question);
  }
  const limited = others.filter(({ limit }) => limit !== null);
  for (let chosen = 1; chosen < 2 ** limited.length; chosen++) {
    const pools = limited.filter((_, i) => (chosen & (1 << i)) !== 0);
    const questions = [...kinds.values()].filter((question) => pools.some(({ pays }) => pays(question)));
    if (outruns(own, others, questions)) return true;
  }
  return false;
}

/** Whether both files say the same in these sections, so that no question about them has two answers. */
const sayTheSame = (
  policy: OwnerPolicy,
  other: OwnerPolicy,
  ...sections: readonly (keyof OwnerPolicy['canonical'])[]
): boolean =>
  sections.every((name) => JSON.stringify(policy.canonical[name]) === JSON.stringify(other.canonical[name]));

/** Whether a proof counts here that was taken back there. */
const revoked: Oracle = (policy, other) =>
  credentialsOf([...policy.callers, ...other.callers]).some(
    (held) => isRevoked(held, other) && namesOf(held, policy).size > 0,
  );

const queries: Oracle = (policy, other) => {
  if (sayTheSame(policy, other, 'callers', 'queries')) return false;
  const everyone = askers(policy, other);
  const limited = other.queries.some(({ limit }) => limit !== null);
  for (const [own, others] of everyone) {
    for (const method of METHODS) {
      const ask = (one: OwnerPolicy, callers: ReadonlySet<string>, path: string) =>
        decideQuery(one, { callers, method, path, functionDigest: digestOf(one, 'f'), now: instantOf(one) });
      const asked = PATHS.map((path) => {
        const mine = ask(policy, own, `/f${path}`);
        return [mine, ...(mine.outcome === 'deny' ? [] : [ask(other, others, `/f${path}`)])];
      });
      if (asked.some(([mine, theirs]) => mine?.outcome === 'allow' && theirs?.outcome === 'deny')) return true;
      if (!limited) continue;
      const pools = [policy, other].map((one, side) =>
        one.queries.map((rule) => ({
          limit: rule.limit,
          pays: (question: number): boolean => asked[question]?.[side]?.rules.includes(rule) === true,
        })),
      );
      if (outrunsSomewhere(pools[0] ?? [], pools[1] ?? [], asked.length)) return true;
    }
  }
  return false;
};

/** Calls and bytes are not measured by one another. */
const unitsDiffer = (a: RateLimit | null, b: RateLimit | null): boolean =>
  a !== null && b !== null && a.unit !== b.unit;

const egress: Oracle = (policy, other) => {
  if (policy.functions.length === 0 || (other.functions.length > 0 && sayTheSame(policy, other, 'egress')))
    return false;
  const code = (one: OwnerPolicy) => ({ functionDigest: one.functions[0]?.digest ?? '', now: instantOf(one) });
  // Only where a rule of the first could lead: elsewhere it allows nothing.
  const hosts = HOSTS.filter((host) => policy.egress.some((rule) => rule.host === host || rule.host.startsWith('*')));
  const ports = [443, 8443].filter((port) => policy.egress.some((rule) => rule.port === port));
  const urls = hosts.flatMap((host) =>
    ports.flatMap((port) => PATHS.map((path) => `https://${host}:${port}${path || '/'}`)),
  );
  // Where the first allows nothing, the second need not be asked.
  const asked = METHODS.flatMap((method) =>
    urls.map((url) => {
      const mine = decideEgress(policy, { ...code(policy), method, url });
      return [mine, ...(mine.rule === null ? [] : [decideEgress(other, { ...code(other), method, url })])];
    }),
  );
  for (const [mine, theirs] of asked) {
    if (mine?.rule == null) continue;
    if (theirs?.rule == null) return true;
    const [a, b] = [mine.rule, theirs.rule];
    if (b.pin !== null && a.pin !== b.pin) return true;
    if (JSON.stringify(a.credential) !== JSON.stringify(b.credential)) return true;
    if (unitsDiffer(a.limit, b.limit)) return true;
  }
  const tcp = HOSTS.flatMap((host) => [1, 2].map((port) => `tcp://${host}:${port}`)).map((url) =>
    [policy, other].map((one) => decideConnection(one, { ...code(one), url })),
  );
  for (const [mine, theirs] of tcp) {
    if (mine?.rule == null) continue;
    if (theirs?.rule == null || unitsDiffer(mine.rule.limit, theirs.rule.limit)) return true;
  }
  const looks = HOSTS.map((name) => [policy, other].map((one) => decideLookup(one, { ...code(one), name }).outcome));
  if (looks.some(([mine, theirs]) => mine === 'allow' && theirs === 'deny')) return true;
  for (const [decisions, ruleLists] of [
    [asked, [policy.egress, other.egress]],
    [tcp, [policy.connections, other.connections]],
  ] as const) {
    const pools = ruleLists.map((rules, side) =>
      rules.map((rule) => ({
        limit: rule.limit,
        pays: (question: number) => decisions[question]?.[side]?.rule === rule,
      })),
    );
    // Overlapping rules have no limits, so the first one that allows stands for all.
    if (outrunsSomewhere(pools[0] ?? [], pools[1] ?? [], decisions.length)) return true;
  }
  return false;
};

const results: Oracle = (policy, other) =>
  [null, 'text/plain', 'text/csv', 'text/html'].some((contentType) =>
    [0, 1, 2, 3].some((bytes) => {
      const [mine, theirs] = [policy, other].map(
        (one) => decideResult(one, { status: 200, contentType, bytes }).outcome,
      );
      return mine === 'allow' && theirs === 'deny';
    }),
  );

const functions: Oracle = (policy, other) =>
  policy.functions.some(({ name, digest, terms }) => {
    const same = other.functions.find((rule) => rule.name === name && rule.digest === digest);
    if (same === undefined) return true;
    const isOtherClock = terms.deterministic !== same.terms.deterministic && same.terms.cpuMs !== null;
    return isOtherClock || JSON.stringify(stricterTerms(terms, same.terms)) !== JSON.stringify(terms);
  });

interface Machine {
  readonly product: string;
  readonly tcb: Readonly<Record<string, number>>;
  readonly smt: string;
  readonly image: string;
  readonly counters: string;
}
const MACHINES: readonly Machine[] = ['Milan', 'Genoa', 'Turin'].flatMap((product) =>
  Array.from({ length: 16 }, (_, bits) => ({
    bootloader: bits & 1,
    tee: (bits >> 1) & 1,
    snp: (bits >> 2) & 1,
    microcode: (bits >> 3) & 1,
  })).flatMap((tcb) =>
    ['required', 'forbidden'].flatMap((smt) =>
      ['a', 'b', 'c'].flatMap((digit) =>
        ['durable', 'any'].map((counters) => ({ product, tcb, smt, image: digit.repeat(96), counters })),
      ),
    ),
  ),
);

function admits(rules: MachineRules, machine: Machine): boolean {
  const { products, tcb, smt, images, counters } = rules;
  const floors = typeof tcb === 'string' ? {} : (tcb[machine.product] ?? {});
  return (
    products.includes(machine.product) &&
    Object.entries(floors).every(([part, floor]) => (machine.tcb[part] ?? 0) >= floor) &&
    (smt === 'any' || smt === machine.smt) &&
    images.some((image) => image.kind === 'measurement' && image.measurement === machine.image) &&
    (counters === 'any' || machine.counters === 'durable')
  );
}

const machine: Oracle = (policy, other) => {
  const canRun = policy.functions.length > 0;
  const canHold = policy.data.length > 0 || policy.secrets.length > 0;
  return MACHINES.some((one) => {
    const runs = ({ machine: rules }: OwnerPolicy): boolean => rules === null || admits(rules, one);
    const holds = ({ machine: rules }: OwnerPolicy): boolean => rules !== null && admits(rules, one);
    return (canRun && runs(policy) && !runs(other)) || (canHold && holds(policy) && !holds(other));
  });
};

const data: Oracle = (policy, other) =>
  ['d', 'e'].some((name) =>
    ['/d', '/e'].some((mount) =>
      [1, 2].some((bytes) => {
        const [mine, theirs] = [policy, other].map((one) =>
          one.data.some((rule) => rule.name === name && rule.mount === mount && bytes <= rule.maxBytes),
        );
        return mine === true && theirs === false;
      }),
    ),
  );

const changes: Oracle = (policy, other) => {
  const keys = [...new Set([policy, other].flatMap((one) => (one.changes?.keys ?? []).map(hex)))];
  const mayReplace = ({ changes: rules }: OwnerPolicy, signers: readonly string[]): boolean =>
    rules !== null && rules.keys.filter((key) => signers.includes(hex(key))).length >= rules.needed;
  return Array.from({ length: 2 ** keys.length }, (_, bits) => keys.filter((_key, i) => (bits & (1 << i)) !== 0)).some(
    (signers) => mayReplace(policy, signers) && !mayReplace(other, signers),
  );
};

const explain: Oracle = (policy, other) => {
  const tells = (one: OwnerPolicy, names: ReadonlySet<string>): boolean =>
    one.explain === 'anyone' || (one.explain === 'callers' && names.size > 0);
  return askers(policy, other).some(([own, others]) => tells(policy, own) && !tells(other, others));
};

const valid: Oracle = (policy, other) =>
  policy.functions.length + policy.data.length + policy.secrets.length > 0 &&
  INSTANTS.some(
    (now) =>
      now >= policy.valid.from && now < policy.valid.until && !(now >= other.valid.from && now < other.valid.until),
  );

const secrets: Oracle = (policy, other) => policy.secrets.some((name) => !other.secrets.includes(name));

/** Whether a section of the first policy allows something that the second refuses. */
export const ORACLES: Readonly<Record<string, Oracle>> = {
  valid,
  functions,
  machine,
  revoked,
  queries,
  egress,
  data,
  secrets,
  results,
  changes,
  explain,
};
