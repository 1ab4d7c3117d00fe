/**
 * The conformance contract: one case in, one verdict out, with nothing but what is in the case (no network, no files, no clock). With it
 * anyone can run this verifier against vectors, and any other verifier against the same. docs/trust.md has the form.
 */
import type { Check, ReportSummary, Stage } from '../appraisal.ts';
import { encodeHex, equalBytes, parseBase64, parseHex } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { parseInstant } from '../base/time.ts';
import type { ErrorCode, ErrorFamily } from '../error-table.ts';
import { ConfigurationError } from '../errors.ts';
import { hexOf, listOf, object, type Reader, readJson, refuseValue, text, wordOr } from './json-reader.ts';
import { readMachine } from './machine-file.ts';
import { appraiseReport, type Demands } from './report-appraisal.ts';
import type { ChainCache } from './snp/chain-cache.ts';
import { createCrlNumbers } from './snp/crl-numbers.ts';
import { isPem, parsePemCertificates } from './snp/pem.ts';
import type { Roots } from './snp/roots.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** One case; docs/trust.md has its JSON. */
export interface Case {
  readonly name: string | null;
  readonly report: Bytes;
  readonly certificates: readonly Bytes[];
  readonly crl: Bytes | null;
  readonly at: Date;
  /** AMD's, or the DER of the roots that are trusted. */
  readonly roots: 'amd' | readonly Bytes[];
  readonly expect: Demands;
}

/** One verdict, exactly as it is written. */
export interface Verdict {
  readonly name: string | null;
  readonly verdict: 'accept' | 'reject';
  readonly stage: Stage | null;
  readonly code: ErrorCode | null;
  readonly error: ErrorFamily | null;
  readonly checks: readonly Pick<Check, 'id' | 'outcome' | 'expected' | 'actual'>[];
  readonly report: ReportSummary | null;
}

const base64: Reader<Bytes> = (value, path) => {
  const bytes = typeof value === 'string' ? parseBase64(value) : null;
  if (bytes === null) throw refuseValue(path, 'base64 with padding', value);
  return bytes;
};

const base64List: Reader<readonly Bytes[]> = (value, path) => {
  if (!Array.isArray(value)) throw refuseValue(path, 'a list of base64', value);
  return value.map((item, i) => base64(item, `${path}[${i}]`));
};

const instant: Reader<Date> = (value, path) => {
  const date = typeof value === 'string' ? parseInstant(value) : null;
  if (date === null) throw refuseValue(path, 'an RFC 3339 date and time', value);
  return date;
};

const orNull =
  <T>(reader: Reader<T>): Reader<T | null> =>
  (value, path) =>
    value === null ? null : reader(value, path);

const optionalName: Reader<string | null> = (value, path) =>
  value === undefined || value === null ? null : text('a text', () => true)(value, path);

const reportData: Reader<Bytes | 'any'> = (value, path) => {
  const hex = wordOr(['any'], hexOf(64))(value, path);
  return hex === 'any' ? hex : (parseHex(hex, 64) ?? new Uint8Array());
};

const readCase: Reader<Case> = object<Case>({
  name: optionalName,
  report: base64,
  certificates: base64List,
  crl: orNull(base64),
  at: instant,
  roots: wordOr(['amd'], base64List),
  expect: object<Demands>({ reportData, measurements: wordOr(['any'], listOf(hexOf(48))), machine: readMachine }),
});

/**
 * Reads one line as a case.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE when it is none: the bytes inside may be anything, the JSON around them may not.
 */
export function parseCase(line: string): Case {
  try {
    return readJson(line, LIMITS.caseBytes, 'the case', readCase);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new ConfigurationError('ERR_CONFIGURATION_USAGE', error.message, { cause: error });
  }
}

/** Gives DER; PEM that cannot be read stays as it is and is refused as a certificate. */
function toDer(bytes: Bytes): readonly Bytes[] {
  return (isPem(bytes) ? parsePemCertificates(bytes) : null) ?? [bytes];
}

/** Appraises one case; every case gets a verdict. `cache` changes what it costs, never what it gives. */
export async function appraiseCase(input: Case, cache: ChainCache): Promise<Verdict> {
  const given = input.certificates.flatMap(toDer);
  const trusted = input.roots === 'amd' ? [] : input.roots.flatMap(toDer);
  const roots: Roots = input.roots === 'amd' ? 'amd' : { simulated: trusted.map((der) => encodeHex(sha256(der))) };
  const certificates = [...given, ...trusted.filter((root) => !given.some((c) => equalBytes(c, root)))];
  const subject = { report: input.report, certificates, crl: input.crl };
  // A case is all there is: nothing was seen before it, and nothing is remembered of it.
  const appraisal = await appraiseReport(subject, input.expect, roots, input.at, cache, createCrlNumbers([]));
  const { verdict, stage, code, error, checks, report } = appraisal;
  return {
    name: input.name,
    verdict,
    stage,
    code,
    error,
    checks: checks.map(({ id, outcome, expected, actual }) => ({ id, outcome, expected, actual })),
    report,
  };
}
