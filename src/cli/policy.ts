/**
 * What `anchorhold policy check|explain|show|test|digest|diff` do: read a policy and the files beside it, ask src/policy, and write the answer
 * for people or machines. Each gives its exit code, or throws an EnclaveError; nothing here judges.
 */
import { dirname, resolve } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { parseInstant } from '../base/time.ts';
import { ConfigurationError, ERRORS } from '../errors.ts';
import { readBytesFile, siblingReader } from '../io/files.ts';
import { comparePolicies, renderChange } from '../policy/compare/compare-policies.ts';
import { decideQuestion, parseQuestion, renderDecision, runPolicyTests } from '../policy/explain.ts';
import { parseOwnerPolicy } from '../policy/parse.ts';
import type { OwnerPolicy } from '../policy/policy.ts';
import { formatPosition, PolicyFileError } from '../policy/policy-file-error.ts';
import { showPolicy } from '../policy/show.ts';
import type { CliIo } from './command.ts';
import { describeProblems, printable, writeError, writeJson, writeLine } from './output.ts';
import { reportSignatures, type SignatureReport } from './policy-signatures.ts';

/** What every one of the commands is given: the file as it stands on the command line, and whether a machine reads the answer. */
export interface PolicyInput {
  readonly file: string;
  readonly json: boolean;
}

async function readPolicyFile(file: string, io: CliIo): Promise<Uint8Array> {
  return readBytesFile(resolve(io.cwd, file), LIMITS.policyBytes);
}

function parse(bytes: Uint8Array, file: string, io: CliIo): OwnerPolicy {
  const references = siblingReader(dirname(resolve(io.cwd, file)), LIMITS.referenceBytes);
  return parseOwnerPolicy(bytes, { file, references });
}

/**
 * Loads a policy and the files that it refers to; its name in messages is the one on the command line.
 * @throws PolicyError as parseOwnerPolicy does, ConfigurationError ERR_CONFIGURATION_FILE when the file cannot be read
 */
export async function loadPolicy(file: string, io: CliIo): Promise<OwnerPolicy> {
  return parse(await readPolicyFile(file, io), file, io);
}

/** Checks a file: one line when it can be used, else every problem with its line and a caret. Exit 0 or the first problem's. */
export async function policyCheck({ file, json }: PolicyInput, io: CliIo): Promise<number> {
  const bytes = await readPolicyFile(file, io);
  try {
    const policy = parse(bytes, file, io);
    const { owner, version, digest, tests } = policy;
    const signatures = await reportSignatures(policy, `${file}.sig`, io);
    if (json) {
      writeJson(io, { file, ok: true, owner, version, digest, tests: tests.length, problems: [], signatures });
      return 0;
    }
    writeLine(io, `${printable(file)}: ok: ${owner}, version ${version}, ${digest}, ${count(tests.length, 'test')}`);
    if (signatures !== null) writeLine(io, describeSignatures(signatures, file));
    return 0;
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error;
    if (json) writeJson(io, { file, ok: false, problems: describeProblems(error) });
    else writeError(io, error, false);
    return error.exit;
  }
}

/**
 * Decides one question (`POST /risk-score as analysts`, `GET https://host/path`) and says why. Exit 0 when allowed, 21 when denied.
 * `at` is the RFC 3339 instant to decide for; null is now.
 */
export async function policyExplain(
  { file, json, question, at }: PolicyInput & { readonly question: string; readonly at: string | null },
  io: CliIo,
): Promise<number> {
  const now = at === null ? new Date() : parseInstant(at);
  if (now === null) throw usage(`${printable(at ?? '')} is not an instant such as 2026-11-21T08:00:00Z`);
  const policy = await loadPolicy(file, io);
  const asked = parseQuestion(policy, question);
  if (!asked.ok) throw usage(asked.why);
  const decision = decideQuestion(policy, asked.value, now);
  if (json) writeJson(io, { question, ...decision });
  else writeLine(io, printableLines(renderDecision(decision)));
  return decision.code === null ? 0 : ERRORS[decision.code].exit;
}

/** Writes the whole policy in plain English; as JSON, its canonical form and digest. */
export async function policyShow({ file, json }: PolicyInput, io: CliIo): Promise<number> {
  const { canonical, digest } = await loadPolicy(file, io);
  if (json) writeJson(io, { digest, policy: canonical });
  else io.stdout.write(showPolicy(canonical, digest));
  return 0;
}

/** Runs the section `tests`. Exit 0 when each gives the outcome it expects, else 22; a file without tests has nothing to fail, and says so. */
export async function policyTest({ file, json }: PolicyInput, io: CliIo): Promise<number> {
  const results = runPolicyTests(await loadPolicy(file, io));
  const failed = results.filter(({ passed }) => !passed);
  if (json) {
    const tests = results.map(({ test, question, passed, decision }) => ({
      at: test.at,
      question,
      expect: test.expect,
      passed,
      decision,
    }));
    writeJson(io, { file, passed: results.length - failed.length, failed: failed.length, tests });
  } else {
    for (const { test, question, passed, decision } of results) {
      writeLine(io, printable(`${passed ? 'ok  ' : 'FAIL'} ${question}: ${decision.outcome}`));
      if (passed) continue;
      writeLine(io, printable(`     ${formatPosition(test.at)}: expected ${test.expect}`));
      writeLine(io, printableLines(`     ${renderDecision(decision).replaceAll('\n', '\n     ')}`));
    }
    if (results.length === 0) writeLine(io, 'the policy has no section tests: nothing was tested');
    else writeLine(io, `${results.length - failed.length} passed, ${failed.length} failed`);
  }
  return failed.length === 0 ? 0 : ERRORS.ERR_POLICY_TEST_FAILED.exit;
}

/** Writes the digest that trust files and claims name. */
export async function policyDigest({ file, json }: PolicyInput, io: CliIo): Promise<number> {
  const { owner, version, digest } = await loadPolicy(file, io);
  if (json) writeJson(io, { owner, version, digest });
  else writeLine(io, digest);
  return 0;
}

/**
 * Compares two versions of a policy: every opening and every closing as a sentence, or as JSON. Exit 0 when the new one allows nothing that the
 * old one refused, else 23.
 */
export async function policyDiff(
  { file, json, newer }: PolicyInput & { readonly newer: string },
  io: CliIo,
): Promise<number> {
  const { opened, closed } = comparePolicies(await loadPolicy(file, io), await loadPolicy(newer, io));
  if (json) writeJson(io, { old: file, new: newer, wider: opened.length > 0, opened, closed });
  else {
    for (const one of opened) writeLine(io, printableLines(renderChange('opened', one)));
    for (const one of closed) writeLine(io, printableLines(renderChange('closed', one)));
    writeLine(
      io,
      opened.length === 0 ? 'not wider: it allows nothing that was refused' : 'WIDER: look at what was opened',
    );
  }
  return opened.length === 0 ? 0 : ERRORS.ERR_POLICY_WIDER.exit;
}

function describeSignatures({ signedBy, needed, of, stale }: SignatureReport, file: string): string {
  const name = `${printable(file)}.sig`;
  if (stale) return `${name}: signs another policy, not this one: sign anew`;
  const keys = signedBy.length === 0 ? '' : `: ${signedBy.join(', ')}`;
  return `${name}: signed by ${signedBy.length} of the ${of} keys in changes (needed: ${needed})${keys}`;
}

function usage(message: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
