/**
 * An owner's file, from bytes to a policy: every section read and checked, names resolved between sections, references read, digest made.
 * Says nothing about who may do what: decide.ts does. The format is docs/policy.md.
 */

import type { Schema } from '../attestation/json-reader.ts';
import { encodeUtf8, parseUtf8 } from '../base/bytes.ts';
import { encodeCanonicalJson } from '../base/canonical-json.ts';
import { type DigestText, formatDigest, sha256 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { NOBODY, readCallers } from './callers.ts';
import { canonicalPolicy } from './canonical.ts';
import { isConnection } from './connection.ts';
import { FORMS } from './forms.ts';
import { readFunctions } from './function-terms.ts';
import { readChanges, readMachine } from './machine.ts';
import type {
  ChangeRules,
  ConnectionRule,
  DataRule,
  EgressRule,
  MachineRules,
  OwnerPolicy,
  PolicyTest,
  Position,
  ResultRules,
  SectionName,
} from './policy.ts';
import { PolicyFileError } from './policy-file-error.ts';
import { parseByteSize } from './quantity.ts';
import { accept, quote, type Reading, refuse } from './reading.ts';
import { readRevoked } from './revoked.ts';
import {
  choice,
  derived,
  dictionary,
  Gathering,
  list,
  optional,
  problemAt,
  type Reader,
  type References,
  record,
  required,
  text,
} from './shape.ts';
import {
  checkConnectionOverlaps,
  checkEgressOverlaps,
  checkQueryOverlaps,
  readEgress,
  readQueries,
  splitRequest,
} from './windows.ts';
import { checkListed, parseCount, parseListedType, parseMoment, parseMount, parseName } from './words.ts';
import { type MapNode, parseYaml } from './yaml.ts';

/** The one version of the format that this code reads; another one is refused, never guessed at. */
export const FORMAT = 'owner-policy/1';

function parseFormat(format: string): Reading<string> {
  return format === FORMAT
    ? accept(format)
    : refuse(`${quote(format)} is not a format that is known here: write ${FORMAT}`);
}

/** `others` is a word of trust files, where it speaks of every owner who is not listed. */
function parseOwnerName(name: string): Reading<string> {
  return name === 'others'
    ? refuse('"others" cannot be the name of an owner: trust files use the word')
    : parseName(name);
}

const valid = record<OwnerPolicy['valid']>('valid', {
  from: required(text(parseMoment, FORMS.moment)),
  until: required(text(parseMoment, FORMS.moment)),
});

const readValid: Reader<OwnerPolicy['valid']> = derived(valid, ({ at, from, until }) => {
  if (from >= until)
    throw problemAt({ at }, 'ERR_POLICY_VALUE', 'until is not after from: the policy would never be in force');
  return { from, until };
});

const dataFile = record('a data file', {
  mount: required(text(parseMount, FORMS.mount)),
  max: required(text(parseByteSize, FORMS.size)),
});

const readData: Reader<readonly DataRule[]> = derived(dictionary('data', parseName, FORMS.name, dataFile), (files) =>
  files.map(({ name, value, at }) => ({ at, name, mount: value.mount, maxBytes: value.max })),
);

const results = record('results', {
  max: required(text(parseByteSize, FORMS.size)),
  types: required(list('types', text(parseListedType, FORMS.mediaType), String)),
});

const readResults: Reader<ResultRules> = derived(results, ({ max, types }) => ({ maxBytes: max, types }));

/** Reads `METHOD URL` of a request, or `tcp://host:port` of a connection. */
function parseEgressQuestion(line: string): Reading<{ readonly method: string | null; readonly rest: string }> {
  return isConnection(line) ? accept({ method: null, rest: line }) : splitRequest(line);
}

const test = record('a test', {
  caller: optional(text(parseName, FORMS.name), null),
  query: optional(text(splitRequest, FORMS.request), null),
  egress: optional(text(parseEgressQuestion, FORMS.egressQuestion), null),
  expect: required(choice('allow', 'deny')),
});

const readTest: Reader<PolicyTest> = derived(test, ({ at, caller, query, egress, expect }, node) => {
  if (query !== null && egress === null && caller !== null)
    return { at, expect, window: 'query', caller, method: query.method, path: query.rest };
  if (egress !== null && query === null && caller === null) {
    const { method, rest: url } = egress;
    return method === null ? { at, expect, window: 'connection', url } : { at, expect, window: 'egress', method, url };
  }
  throw problemAt(node, 'ERR_POLICY_VALUE', 'a test has the keys caller and query, or the key egress, and expect');
});

const file = record('the policy', {
  anchorhold: required(text(parseFormat, { enum: [FORMAT] })),
  owner: required(text(parseOwnerName, FORMS.name)),
  version: required(text(parseCount, FORMS.count)),
  valid: required(readValid),
  functions: optional(readFunctions, []),
  machine: optional<MachineRules, null>(readMachine, null),
  callers: optional(readCallers, []),
  revoked: optional(readRevoked, []),
  queries: optional(readQueries, []),
  egress: optional(readEgress, []),
  data: optional(readData, []),
  secrets: optional(list('secrets', text(parseName, FORMS.name), String), []),
  results: optional<ResultRules, null>(readResults, null),
  changes: optional<ChangeRules, null>(readChanges, null),
  tests: optional(list('tests', readTest, null), []),
  explain: optional(choice('anyone', 'callers', 'nobody'), 'anyone'),
});

/** Describes the whole file for editors; a file that it refuses is refused here too. [JSON Schema 2020-12] */
export const POLICY_SCHEMA: Schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: `urn:anchorhold:schema:${FORMAT.replace('/', '-')}`,
  title: "Anchorhold's owner policy",
  description:
    'Who may ask what, where the code may connect, and what may come back. Nothing is allowed that is not written down; docs/policy.md explains each section.',
  ...file.schema,
};

type Content = Omit<OwnerPolicy, 'canonical' | 'digest'>;

/** Checks what one section says about another. */
function checkNames(policy: Content): void {
  const gathering = new Gathering();
  const listed = (at: Position, name: string, known: readonly string[], section: string): void => {
    gathering.try(() => {
      const found = checkListed(name, known, section);
      if (!found.ok) throw problemAt({ at }, 'ERR_POLICY_VALUE', found.why);
    });
  };
  const callers = policy.callers.map(({ name }) => name);
  const functions = policy.functions.map(({ name }) => name);
  for (const { at, allow, path } of policy.queries) {
    for (const name of allow) listed(at, name, callers, 'callers');
    listed(at, path.segments[0] ?? '', functions, 'functions');
  }
  for (const { at, credential } of policy.egress)
    if (credential !== null) listed(at, credential.secret, policy.secrets, 'secrets');
  for (const test of policy.tests)
    if (test.window === 'query') listed(test.at, test.caller, [...callers, NOBODY], 'callers');
  gathering.try(() => checkQueryOverlaps(policy.queries));
  gathering.try(() => checkEgressOverlaps(policy.egress));
  gathering.try(() => checkConnectionOverlaps(policy.connections));
  gathering.try(() => checkMounts(policy.data));
  gathering.close();
}

/** One file may not hide another, nor stand where another needs a folder. */
function checkMounts(data: readonly DataRule[]): void {
  for (const [i, later] of data.entries())
    for (const earlier of data.slice(0, i)) {
      const [a, b] = [`${earlier.mount}/`, `${later.mount}/`];
      if (a.startsWith(b) || b.startsWith(a))
        throw problemAt(
          later,
          'ERR_POLICY_VALUE',
          `${later.mount} is in the way of ${earlier.mount} on line ${earlier.at.line}`,
        );
    }
}

/** Says where each section stands; the top of the file for one that is absent. */
function locateSections(top: MapNode): OwnerPolicy['sections'] {
  const find = (name: SectionName): Position =>
    top.entries.find(({ key }) => key.text === name)?.key.at ?? { file: top.at.file, line: 1, column: 1 };
  return {
    functions: find('functions'),
    machine: find('machine'),
    callers: find('callers'),
    revoked: find('revoked'),
    queries: find('queries'),
    egress: find('egress'),
    data: find('data'),
    secrets: find('secrets'),
    results: find('results'),
    changes: find('changes'),
    tests: find('tests'),
    explain: find('explain'),
    valid: find('valid'),
  };
}

/** Computes the digest of a canonical form: SHA-256 over its RFC 8785 JSON. */
export function digestCanonical(canonical: OwnerPolicy['canonical']): DigestText {
  return formatDigest(sha256(encodeUtf8(encodeCanonicalJson(canonical))));
}

/**
 * Parses an owner's file. `file` is its name for messages; `references` gives the bytes of a file beside it by the name that stands in
 * the policy (`./research-ca.pem`), or null when there is none.
 * @throws PolicyError (a PolicyFileError with every problem) ERR_POLICY_SYNTAX, _UNKNOWN_KEY, _VALUE, _LIMIT or _REFERENCE
 */
export function parseOwnerPolicy(
  source: string | Uint8Array,
  options: { readonly file: string; readonly references: References },
): OwnerPolicy {
  const content = withText(source, () => readContent(source, options));
  const canonical = canonicalPolicy(content);
  return Object.freeze({ ...content, canonical, digest: digestCanonical(canonical) });
}

function readContent(
  source: string | Uint8Array,
  options: { readonly file: string; readonly references: References },
): Content {
  const top = parseYaml(source, options.file);
  const { anchorhold: _format, at: _at, egress: section, ...values } = file(top, options.references);
  const ways: readonly (EgressRule | ConnectionRule)[] = section;
  const egress = ways.filter((rule): rule is EgressRule => rule.scheme !== 'tcp');
  const connections = ways.filter((rule): rule is ConnectionRule => rule.scheme === 'tcp');
  const content: Content = { ...values, egress, connections, sections: locateSections(top), file: options.file };
  checkNames(content);
  return content;
}

/** Gives the error of a file that cannot be used the text of it, so that whoever prints it can show the places. */
function withText(source: string | Uint8Array, read: () => Content): Content {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof PolicyFileError) || source.length > LIMITS.policyBytes) throw error;
    const [first, ...others] = error.problems;
    const text = typeof source === 'string' ? source : (parseUtf8(source) ?? '');
    throw new PolicyFileError(first, others, { cause: error.cause, text });
  }
}
