/**
 * How a function may run for its owner: whether memory is kept between calls, whether it must be deterministic, and how much time and
 * memory it may use. Reads the entries of `functions`, and combines owners: the strictest wins on each term.
 */
import type { DigestText } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { FORMS } from './forms.ts';
import type { FunctionInstances, FunctionRule, FunctionTerms } from './policy.ts';
import { formatByteSize, formatDuration, parseByteSize, parseDuration } from './quantity.ts';
import { quote, type Reading, refuse } from './reading.ts';
import {
  choice,
  derived,
  described,
  dictionary,
  optional,
  problemAt,
  type Reader,
  record,
  required,
  text,
} from './shape.ts';
import { commonVariables, readVariables, type Variables } from './variables.ts';
import { parseCount, parseDigestText, parseName } from './words.ts';

/** What holds when an owner says nothing: the closed end of each choice, and the worker's own limits. */
export const DEFAULT_TERMS: FunctionTerms = Object.freeze({
  instances: Object.freeze({ kind: 'fresh' }),
  deterministic: 'any',
  deadlineMs: null,
  memoryBytes: null,
  cpuMs: null,
  scratchBytes: 0,
  env: [],
});

const PAGE_BYTES = 64 * 1024;
const MAX_MEMORY_BYTES = 4 * 1024 ** 3;
const MAX_CALLS = 1_000_000;
/** Calls of one pooled instance where the owner names no number. */
const DEFAULT_CALLS = 1000;

/** Reads a size of WASM memory: whole pages of 64 KiB, at most 4 GiB. */
function parseMemory(size: string): Reading<number> {
  const bytes = parseByteSize(size);
  if (!bytes.ok || (bytes.value % PAGE_BYTES === 0 && bytes.value <= MAX_MEMORY_BYTES)) return bytes;
  return refuse(`${quote(size)} is not a size of memory: write a multiple of 64 KiB, at most 4 GiB`);
}

function parseScratch(size: string): Reading<number> {
  const bytes = parseByteSize(size);
  return !bytes.ok || bytes.value <= LIMITS.scratchBytes
    ? bytes
    : refuse(`${quote(size)} is more than ${formatByteSize(LIMITS.scratchBytes)}`);
}

function parseCalls(count: string): Reading<number> {
  const calls = parseCount(count);
  return !calls.ok || calls.value <= MAX_CALLS ? calls : refuse(`${quote(count)} is more than ${MAX_CALLS}`);
}

const entry = record('a function', {
  digest: required(text(parseDigestText, FORMS.digest)),
  instances: optional(choice('fresh', 'pooled'), 'fresh'),
  'calls-per-instance': optional(text(parseCalls, FORMS.count), null),
  deterministic: optional(choice('required', 'any'), DEFAULT_TERMS.deterministic),
  deadline: optional(text(parseDuration, FORMS.duration), null),
  memory: optional(text(parseMemory, FORMS.size), null),
  cpu: optional(text(parseDuration, FORMS.duration), null),
  scratch: optional(text(parseScratch, FORMS.size), DEFAULT_TERMS.scratchBytes),
  env: optional(readVariables, DEFAULT_TERMS.env),
});

const readDigest = text(parseDigestText, FORMS.digest);
const entrySchema = { anyOf: [readDigest.schema, entry.schema] };
const readEntry = described(entrySchema, (node, references): Omit<FunctionRule, 'at' | 'name'> => {
  if (node.kind === 'text') return { digest: readDigest(node, references), terms: DEFAULT_TERMS };
  const read = entry(node, references);
  const calls = read['calls-per-instance'];
  if (read.instances === 'fresh' && calls !== null)
    throw problemAt(
      read,
      'ERR_POLICY_VALUE',
      'calls-per-instance belongs to instances: pooled; a fresh one has one call',
    );
  const instances: FunctionInstances =
    read.instances === 'fresh' ? DEFAULT_TERMS.instances : { kind: 'pooled', calls: calls ?? DEFAULT_CALLS };
  const { digest, deterministic, deadline, memory, cpu, scratch, env } = read;
  if (deterministic === 'required' && env.length > 0)
    throw problemAt(read, 'ERR_POLICY_VALUE', 'the environment of deterministic code is empty: leave out env');
  const caps = { deadlineMs: deadline, memoryBytes: memory, cpuMs: cpu, scratchBytes: scratch };
  return { digest, terms: { instances, deterministic, ...caps, env } };
});

/** Reads the section `functions`: a name, and its digest alone or with terms. */
export const readFunctions: Reader<readonly FunctionRule[]> = derived(
  dictionary('functions', parseName, FORMS.name, readEntry),
  (functions) => functions.map(({ name, value, at }) => ({ at, name, ...value })),
);

/** Gives the smaller of two caps, where null is none. */
function smaller(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

function stricterInstances(a: FunctionInstances, b: FunctionInstances): FunctionInstances {
  if (a.kind === 'fresh' || b.kind === 'fresh') return DEFAULT_TERMS.instances;
  return { kind: 'pooled', calls: Math.min(a.calls, b.calls) };
}

/** Combines the terms of two owners of one function: pooled only when both say so, the smaller of every cap, and the variables that both say. */
export function stricterTerms(a: FunctionTerms, b: FunctionTerms): FunctionTerms {
  return {
    instances: stricterInstances(a.instances, b.instances),
    deterministic: a.deterministic === 'any' ? b.deterministic : a.deterministic,
    deadlineMs: smaller(a.deadlineMs, b.deadlineMs),
    memoryBytes: smaller(a.memoryBytes, b.memoryBytes),
    cpuMs: smaller(a.cpuMs, b.cpuMs),
    scratchBytes: Math.min(a.scratchBytes, b.scratchBytes),
    env: commonVariables(a.env, b.env),
  };
}

/** A function with terms in canonical form; the keys are those of the file. */
export type CanonicalTerms = {
  readonly digest: string;
  readonly instances: string;
  readonly 'calls-per-instance': number | null;
  readonly deterministic: string;
  readonly deadline: string | null;
  readonly memory: string | null;
  readonly cpu: string | null;
  /** These two are there only where they say something. */
  readonly scratch?: string;
  readonly env?: Readonly<Record<string, string>>;
};

function isDefault({ instances, deterministic, deadlineMs, memoryBytes, cpuMs, ...given }: FunctionTerms): boolean {
  const capped = [deadlineMs, memoryBytes, cpuMs].some((cap) => cap !== null);
  const isGiven = given.scratchBytes > 0 || given.env.length > 0;
  return instances.kind === 'fresh' && deterministic === 'any' && !capped && !isGiven;
}

function canonicalVariables(env: Variables): Readonly<Record<string, string>> {
  const map: Record<string, string> = Object.create(null);
  for (const [name, value] of env) map[name] = value;
  return map;
}

/** Makes the canonical form of a function: the digest alone where every term is the default. */
export function canonicalFunction({ digest, terms }: Pick<FunctionRule, 'digest' | 'terms'>): string | CanonicalTerms {
  if (isDefault(terms)) return digest;
  const { instances, deadlineMs, memoryBytes, cpuMs, scratchBytes, env } = terms;
  return {
    digest,
    instances: instances.kind,
    'calls-per-instance': instances.kind === 'fresh' ? null : instances.calls,
    deterministic: terms.deterministic,
    deadline: deadlineMs === null ? null : `${deadlineMs} ms`,
    memory: memoryBytes === null ? null : `${memoryBytes} B`,
    cpu: cpuMs === null ? null : `${cpuMs} ms`,
    ...(scratchBytes === 0 ? {} : { scratch: `${scratchBytes} B` }),
    ...(env.length === 0 ? {} : { env: canonicalVariables(env) }),
  };
}

/** Reads a function of a canonical form back: the inverse of `canonicalFunction`. */
export function termsOfCanonical(entry: string | CanonicalTerms): Pick<FunctionRule, 'digest' | 'terms'> {
  if (typeof entry === 'string') return { digest: entry as DigestText, terms: DEFAULT_TERMS };
  const number = (text: string | null, parse: (text: string) => Reading<number>): number | null => {
    const reading = text === null ? null : parse(text);
    return reading?.ok === true ? reading.value : null;
  };
  return {
    digest: entry.digest as DigestText,
    terms: {
      instances:
        entry.instances === 'fresh'
          ? DEFAULT_TERMS.instances
          : { kind: 'pooled', calls: entry['calls-per-instance'] ?? DEFAULT_CALLS },
      deterministic: entry.deterministic === 'any' ? 'any' : 'required',
      deadlineMs: number(entry.deadline, parseDuration),
      memoryBytes: number(entry.memory, parseByteSize),
      cpuMs: number(entry.cpu, parseDuration),
      scratchBytes: number(entry.scratch ?? null, parseByteSize) ?? 0,
      env: Object.entries(entry.env ?? {}),
    },
  };
}

const show = <T>(reading: Reading<T>, format: (value: T) => string, text: string): string =>
  reading.ok ? format(reading.value) : text;

/** Writes one function of the canonical form in plain English: its digest, and a line for each term that is not the default. */
export function functionLines(name: string, entry: string | CanonicalTerms): string[] {
  if (typeof entry === 'string') return [`${name}: exactly ${entry}`];
  const { digest, instances, deterministic, deadline, memory, cpu, scratch, env = {} } = entry;
  const size = (text: string): string => show(parseByteSize(text), formatByteSize, text);
  const calls = entry['calls-per-instance'];
  const time = (text: string): string => show(parseDuration(text), formatDuration, text);
  return [
    `${name}: exactly ${digest}`,
    ...(instances === 'fresh'
      ? ['    every query gets clean memory']
      : [
          `    memory is kept for up to ${String(calls)} queries: what one caller's query leaves there, the code may use for the next`,
        ]),
    ...(deterministic === 'any' ? [] : ['    only where the same query always gives the same answer']),
    ...(deadline === null ? [] : [`    a query may take at most ${time(deadline)}`]),
    ...(cpu === null ? [] : [`    a query may use at most ${time(cpu)} of processor time`]),
    ...(memory === null ? [] : [`    at most ${size(memory)} of memory`]),
    ...(scratch === undefined ? [] : [`    a query may keep up to ${size(scratch)} in /tmp while it lasts`]),
    ...Object.keys(env)
      .toSorted()
      .map((variable) => `    it is told ${variable}=${JSON.stringify(env[variable])}`),
  ];
}
