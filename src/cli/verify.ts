/**
 * `anchorhold verify`: appraises a worker, or evidence in a file of any form that is read, and explains each check. What is refused is
 * explained too, and makes the exit code. Only the appraisal of a worker says that it is alive.
 */
import { resolve } from 'node:path';
import type { CheckId } from '../attestation/check-table.ts';
import { addEndorsements, parseEvidenceFile } from '../attestation/evidence-forms.ts';
import { appraiseFile, type FileAppraisal, refuseFile } from '../attestation/file-appraisal.ts';
import { refuseUnlessAccepted } from '../attestation/session-appraisal.ts';
import { isPem, parsePemCertificates } from '../attestation/snp/pem.ts';
import type { TrustFile } from '../attestation/trust-file.ts';
import { LIMITS } from '../base/limits.ts';
import { parseInstant } from '../base/time.ts';
import { appraiseCompleted } from '../client/collateral.ts';
import { openCollateral } from '../client/collateral-source.ts';
import { appraiseWorker } from '../client/connection.ts';
import { openMemoryCrlNumbers } from '../client/crl-number-store.ts';
import { parseOrigin } from '../client/origin.ts';
import type { TrustSource } from '../client/trust-source.ts';
import { ConfigurationError } from '../errors.ts';
import { readBytesFile, writeWholeFile } from '../io/files.ts';
import { subjectOfForm } from './claim-meanings.ts';
import { type CliCommand, type CliInput, type CliIo, JSON_SWITCH, optionValue, optionValues } from './command.ts';
import { adviseOnMissing, type Explained, explainAppraisal } from './explain-appraisal.ts';
import { KDS_OPTIONS, readCollateralSource } from './kds-options.ts';
import { exitOf, writeError, writeJson, writeProgress } from './output.ts';
import { openTrust, TRUST_OPTION } from './trust-option.ts';

/** What somebody writes who forgets the scheme. */
const HOST_AND_PORT = /^[\w.-]+:\d{1,5}(?:\/.*)?$/;

const TIMEOUT_MS = 30_000;

interface Appraised extends Explained {
  /** Checks that a session makes and this subject has no answer to. */
  readonly unanswered: readonly CheckId[];
}

function usage(message: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
}

/** Refuses options that have no meaning for this kind of argument: silence would look like a check. */
function refuseOptions(input: CliInput, names: readonly string[], why: string): void {
  const given = names.find((name) => optionValues(input, name).length > 0);
  if (given !== undefined) throw usage(`--${given} ${why}`);
}

function readTime(input: CliInput): Date {
  const text = optionValue(input, 'at');
  const at = text === null ? new Date() : parseInstant(text);
  if (at === null) throw usage(`--at ${text ?? ''}: write an instant such as 2026-11-21T08:00:00Z`);
  return at;
}

async function verifyUrl(url: string, trust: TrustSource, input: CliInput, io: CliIo): Promise<Appraised> {
  refuseOptions(input, ['certificate', 'crl', 'at'], 'is for a file: a worker brings its own, and is judged now');
  const now = (): Date => new Date();
  const collateral = await openCollateral(readCollateralSource(input, io), now);
  const demands = { origin: parseOrigin(url), trust, clientCertificate: null, collateral, timeoutMs: TIMEOUT_MS, now };
  const { appraisal, evidence } = await appraiseWorker(demands);
  const save = optionValue(input, 'save');
  if (save !== null && evidence !== null) {
    await writeWholeFile(resolve(io.cwd, save), evidence);
    writeProgress(io, `saved the evidence to ${save}`);
  }
  return { subject: 'connection', form: null, appraisal, unanswered: [], runtimeClaims: null };
}

async function readCertificates(path: string): Promise<readonly Uint8Array[]> {
  const bytes = await readBytesFile(path, LIMITS.certificates * LIMITS.certificateBytes);
  const certificates = isPem(bytes) ? parsePemCertificates(bytes) : [bytes];
  if (certificates === null) {
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', `${path} is neither certificates in PEM nor one in DER`);
  }
  return certificates;
}

function describeFile({ form, unanswered, runtimeClaims, ...appraisal }: FileAppraisal): Appraised {
  return { subject: subjectOfForm(form), form, appraisal, unanswered, runtimeClaims };
}

async function verifyFile(file: string, source: TrustSource, input: CliInput, io: CliIo): Promise<Appraised> {
  refuseOptions(input, ['save'], 'is for a URL: a file needs no saving');
  const at = readTime(input);
  const path = (name: string): string => resolve(io.cwd, name);
  const trust: TrustFile = await source.current();
  const opened = await openCollateral(readCollateralSource(input, io), () => new Date());
  // A list that was the newest then is older than those that were seen since, and no worse for it.
  const isNow = optionValue(input, 'at') === null;
  const collateral = isNow ? opened : { ...opened, crlNumbers: openMemoryCrlNumbers() };
  const certificatePaths = optionValues(input, 'certificate');
  const certificates = (await Promise.all(certificatePaths.map((name) => readCertificates(path(name))))).flat();
  const crlPath = optionValue(input, 'crl');
  const crl = crlPath === null ? null : await readBytesFile(path(crlPath), LIMITS.crlBytes);
  const parsed = parseEvidenceFile(await readBytesFile(path(file), LIMITS.evidenceBytes));
  if ('problem' in parsed) return describeFile(refuseFile(parsed.problem, trust));
  const given = addEndorsements(parsed.value, certificates, crl);
  return describeFile(
    await appraiseCompleted(
      given,
      { collateral, trust, now: at },
      async (completed, crlNumbers) => await appraiseFile({ ...given, ...completed }, trust, at, crlNumbers),
    ),
  );
}

/** Says what to do about a refused file; the table's advice is for sessions. null where that is right: below the first claim, and live. */
function adviseOnFile({ subject, appraisal }: Appraised): string | null {
  if (subject === 'connection') return null;
  if (subject === 'unknown-file') return 'docs/trust.md, "Forms of a file", says how each form is made.';
  const [missing] = adviseOnMissing({ subject, appraisal });
  if (missing !== undefined) return missing;
  return appraisal.error === 'NotAnEnclaveError' ? 'believe nothing that this file says.' : null;
}

export const verify: CliCommand = {
  summary: 'appraise a worker, or evidence in a file, and explain each check',
  example: 'anchorhold verify https://localhost:8443 --trust anchorhold.trust.json',
  arguments: [
    {
      name: 'url-or-file',
      summary:
        "the worker's https:// address, or a file: what --save wrote, a report (with its certificate table or not), a CMW, or an HCL blob of Azure's",
      required: true,
      repeatable: false,
    },
  ],
  options: [
    TRUST_OPTION,
    {
      name: 'save',
      value: 'FILE',
      summary: 'with a URL: where to write the evidence that was appraised',
      repeatable: false,
    },
    {
      name: 'certificate',
      value: 'FILE',
      summary: "with a file: AMD's certificates that are not in it, PEM (several in a file) or DER",
      repeatable: true,
    },
    { name: 'crl', value: 'FILE', summary: "with a file: AMD's revocation list, DER", repeatable: false },
    {
      name: 'at',
      value: 'TIME',
      summary: 'with a file: the time to judge by, RFC 3339 (default: now)',
      repeatable: false,
    },
    ...KDS_OPTIONS,
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const [argument = ''] = input.positionals;
    if (HOST_AND_PORT.test(argument))
      throw usage(`${argument} is no address: write https://${argument}, or ./${argument} for a file`);
    const trust = await openTrust(input, io);
    const verifyArgument = /^[a-z][a-z0-9+.-]*:\/\//i.test(argument) ? verifyUrl : verifyFile;
    const appraised = await verifyArgument(argument, trust, input, io);
    const { subject, form, unanswered, runtimeClaims, appraisal } = appraised;
    const json = input.switches.has('json');
    if (json) writeJson(io, { subject, form, ...appraisal, unanswered, runtimeClaims });
    else explainAppraisal(io, appraised);
    try {
      refuseUnlessAccepted(appraisal);
      return 0;
    } catch (error) {
      writeError(io, error, json, adviseOnFile(appraised));
      return exitOf(error);
    }
  },
};
