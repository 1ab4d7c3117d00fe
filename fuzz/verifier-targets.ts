/**
 * What is fuzzed of the verifier and of configuration: every reader of bytes that others control. Each target turns an input into the name of an outcome, and throws when a
 * property does not hold: any bytes give a value or a typed problem, and what is read encodes back to the same bytes where there is an
 * encoder. The names show how deep the inputs went.
 */
import { isDeepStrictEqual } from 'node:util';
import { encodeClaims, parseClaims } from '../src/attestation/claims.ts';
import { encodeCmw, parseCmw, unwrapEvidence } from '../src/attestation/cmw.ts';
import { appraiseCase, parseCase } from '../src/attestation/conformance.ts';
import { encodeEvidence, parseEvidence } from '../src/attestation/evidence.ts';
import { parseEvidenceFile } from '../src/attestation/evidence-forms.ts';
import { parseHclBlob } from '../src/attestation/hcl.ts';
import { parseFirmware } from '../src/attestation/measurement/firmware.ts';
import { encodeIdAuth, parseIdAuth } from '../src/attestation/measurement/id-auth.ts';
import { encodeIdBlock, parseIdBlock } from '../src/attestation/measurement/id-block.ts';
import { measureFirmware, measureMatrix } from '../src/attestation/measurement/matrix.ts';
import { formatRelease, makeRelease, parseRelease } from '../src/attestation/release/release.ts';
import { parseCertificateTable } from '../src/attestation/snp/certificate-table.ts';
import { createChainCache } from '../src/attestation/snp/chain-cache.ts';
import { parseBasicConstraints, parseCertificate, parseCrl, parseKeyUsage } from '../src/attestation/snp/der.ts';
import { isDerElement } from '../src/attestation/snp/der-reader.ts';
import { SIGNED_SIZE } from '../src/attestation/snp/layout.ts';
import { isPem, parsePem } from '../src/attestation/snp/pem.ts';
import { encodeReport, parseReport } from '../src/attestation/snp/report.ts';
import { parseVek, vekKind } from '../src/attestation/snp/vek.ts';
import { formatTrustFile, parseTrustFile } from '../src/attestation/trust-file.ts';
import { concatBytes, encodeBase64, encodeHex, encodeUtf8, equalBytes, parseBase64 } from '../src/base/bytes.ts';
import { encodeCbor, parseCbor } from '../src/base/cbor.ts';
import { LIMITS } from '../src/base/limits.ts';
import { appraiseCompleted } from '../src/client/collateral.ts';
import { openMemoryCrlNumbers } from '../src/client/crl-number-store.ts';
import { ConfigurationError, type ErrorCode, TransportError } from '../src/errors.ts';
import { openMemoryCache } from '../src/io/collateral-cache.ts';
import { nativeSha384 } from '../src/io/native-digest.ts';
import { changeBytes, changeCbor, changeDer, changeInteger, changeJson, type Mutator, nest } from './mutate.ts';
import type { Seeds } from './seeds.ts';
import { demand, nameOf, type Target } from './target.ts';

/** Where the integers of a report stand. */
const REPORT_PLACES: readonly number[] = [
  0, 4, 8, 0x30, 0x34, 0x38, 0x40, 0x48, 0x4c, 0x180, 0x188, 0x18b, 0x1e0, 0x1e8, 0x1f0, 0x1f8, 0x200, 0x208, 0x330,
];

const comesBack = (encoded: Uint8Array, input: Uint8Array): void =>
  demand(equalBytes(encoded, input), 'what was read encodes back to the same bytes');

/** Takes an error that the reader documents as an outcome; everything else goes on up. */
function refusal(error: unknown, ...codes: readonly ErrorCode[]): string {
  if (!(error instanceof ConfigurationError) || !codes.includes(error.code)) throw error;
  return nameOf(error.message);
}

const text = (input: Uint8Array): string => new TextDecoder().decode(input);

function readReport(input: Uint8Array): string {
  const { report, problems } = parseReport(input);
  if (report === null) {
    demand(problems.length > 0, 'a report that is none has a problem');
    return problems.map((p) => p.rule).join(' ');
  }
  comesBack(encodeReport(report), input);
  return `version ${report.version}`;
}

function readCertificate(input: Uint8Array): string {
  const certificate = parseCertificate(input);
  if (certificate === null) return isDerElement(input) ? 'DER, but no certificate' : 'not DER';
  demand(equalBytes(certificate.der, input), 'a certificate holds its bytes');
  for (const { value } of certificate.extensions) {
    parseBasicConstraints(value);
    parseKeyUsage(value);
  }
  const { vek } = parseVek(certificate, certificate.issuer.commonName.endsWith('Turin') ? 'Turin' : 'Genoa');
  return vek === null ? 'a certificate' : `a certificate of a ${vek.signer}`;
}

function readCrl(input: Uint8Array): string {
  const crl = parseCrl(input);
  if (crl === null) return isDerElement(input) ? 'DER, but no list' : 'not DER';
  return `a list of ${Math.min(crl.revoked.length, 3)} or more`;
}

function readTable(input: Uint8Array): string {
  const parsed = parseCertificateTable(input);
  if ('problem' in parsed) return nameOf(parsed.problem);
  const { certificates, crl } = parsed.value;
  demand(certificates.length <= LIMITS.certificates, 'a table gives no more certificates than the cap');
  return `${certificates.length} certificates${crl === null ? '' : ' and a list'}`;
}

function readPem(input: Uint8Array): string {
  const certificates = parsePem(input, 'CERTIFICATE');
  const crls = parsePem(input, 'X509 CRL');
  demand(
    certificates === null || isPem(input) || text(input).trimStart().length < input.length - 200,
    'PEM begins as such',
  );
  if (certificates !== null) return `${certificates.length} certificates`;
  return crls === null ? 'not PEM' : `${crls.length} lists`;
}

function readCbor(input: Uint8Array): string {
  const parsed = parseCbor(input, LIMITS.evidenceBytes);
  if (parsed === null) return 'not deterministic CBOR';
  comesBack(encodeCbor(parsed.value), input);
  return Array.isArray(parsed.value) ? 'a list' : typeof parsed.value;
}

function readEvidence(input: Uint8Array): string {
  const parsed = parseEvidence(input);
  if ('problem' in parsed) return nameOf(parsed.problem);
  comesBack(encodeEvidence(parsed.value), input);
  return 'evidence';
}

function readClaims(input: Uint8Array): string {
  const parsed = parseClaims(input);
  if ('problem' in parsed) return nameOf(parsed.problem);
  comesBack(encodeClaims(parsed.value), input);
  return 'claims';
}

function readCmw(input: Uint8Array): string {
  const parsed = parseCmw(input);
  const unwrapped = unwrapEvidence(input);
  if ('problem' in parsed) {
    demand('problem' in unwrapped, 'no bundle in what is no record');
    return nameOf(parsed.problem);
  }
  comesBack(encodeCmw(parsed.value), input);
  return 'value' in unwrapped ? 'a record with a bundle' : 'a record of something else';
}

function readHcl(input: Uint8Array): string {
  const parsed = parseHclBlob(input);
  if ('problem' in parsed) return nameOf(parsed.problem);
  demand(parsed.value.report.length === 1184, 'a blob holds a report');
  return 'a blob';
}

function readEvidenceFile(input: Uint8Array): string {
  const parsed = parseEvidenceFile(input);
  return 'problem' in parsed ? nameOf(parsed.problem) : parsed.value.form;
}

/** A release with one version, signed by nobody. */
const RELEASE = encodeUtf8(
  formatRelease({
    release: makeRelease({
      publisher: 'anchorhold',
      serial: 7,
      versions: [
        {
          version: '1.4.0',
          until: '2027-06-01T00:00:00.000Z',
          manifest: `sha256:${'ab'.repeat(32)}`,
          measurements: [
            { vmm: 'qemu', vcpus: 1, cpu: null, guestFeatures: '0x1', digest: 'cd'.repeat(48) },
            { vmm: 'ec2', vcpus: 64, cpu: 'EPYC-v4', guestFeatures: '0x21', digest: 'ef'.repeat(48) },
          ],
          pcrs: { sha256: { '4': 'ab'.repeat(32) }, sha384: { '11': 'cd'.repeat(48) } },
        },
      ],
    }),
    signatures: ['e30..AAAA'],
  }),
);

function readRelease(input: Uint8Array): string {
  try {
    const release = parseRelease(text(input));
    demand(
      isDeepStrictEqual(parseRelease(formatRelease(release)), release),
      'a release that is written reads the same',
    );
    return 'a release';
  } catch (error) {
    return refusal(error, 'ERR_CONFIGURATION_RELEASE');
  }
}

function readTrust(input: Uint8Array): string {
  try {
    const trust = parseTrustFile(text(input), undefined, 'read-later');
    demand(
      isDeepStrictEqual(parseTrustFile(formatTrustFile(trust), undefined, 'read-later'), trust),
      'a trust file that is written reads the same',
    );
    return 'a trust file';
  } catch (error) {
    return refusal(error, 'ERR_CONFIGURATION_TRUST');
  }
}

function readIdBlock(input: Uint8Array): string {
  try {
    comesBack(encodeIdBlock(parseIdBlock(input)), input);
    return 'an ID block';
  } catch (error) {
    return refusal(error, 'ERR_CONFIGURATION_FILE');
  }
}

function readIdAuth(input: Uint8Array): string {
  try {
    comesBack(encodeIdAuth(parseIdAuth(input)), input);
    return 'an ID auth';
  } catch (error) {
    return refusal(error, 'ERR_CONFIGURATION_FILE');
  }
}

function readFirmware(input: Uint8Array): string {
  try {
    const firmware = parseFirmware(input);
    const hash = (digit: number): Uint8Array => new Uint8Array(32).fill(digit);
    const rows = measureMatrix(
      {
        vmm: 'gce',
        firmware,
        firmwareDigest: measureFirmware(firmware, nativeSha384),
        boot: firmware.hashTable === null ? null : { kernelDigest: hash(1), initrdDigest: null, commandLine: 'x' },
        enforcing: 'unchecked',
        guestFeatures: 1n,
        vcpus: [1, 2],
        cpus: [null],
      },
      nativeSha384,
    );
    return `${rows.length} digests`;
  } catch (error) {
    return refusal(error, 'ERR_CONFIGURATION_FILE');
  }
}

/** Appraises cases; one that accepts has the signed part of a report that was issued, whatever else was changed. */
function readCase(seeds: Seeds): Target['run'] {
  const cache = createChainCache();
  const signed = new Set(seeds.report.map((report) => encodeHex(report.subarray(0, SIGNED_SIZE))));
  return async (input) => {
    let parsed: ReturnType<typeof parseCase>;
    try {
      parsed = parseCase(text(input));
    } catch (error) {
      return refusal(error, 'ERR_CONFIGURATION_USAGE');
    }
    const { verdict, stage, checks } = await appraiseCase(parsed, cache);
    if (verdict === 'reject') return `rejected at ${stage}: ${checks.find((check) => check.outcome === 'fail')?.id}`;
    demand(signed.has(encodeHex(parsed.report.subarray(0, SIGNED_SIZE))), 'only issued reports are accepted');
    return 'accepted';
  };
}

/** Lets a key distribution service answer one of its three questions with the input, and the others as it should. */
function readKdsAnswer(seeds: Seeds, question: RegExp): Target['run'] {
  const [report = new Uint8Array()] = seeds.report;
  const [vcek = new Uint8Array()] = seeds.certificate;
  const [chain = new Uint8Array()] = seeds.pem;
  const [crl = new Uint8Array()] = seeds.crl;
  const trust = parseTrustFile(text(seeds.trust[0] ?? new Uint8Array()));
  return async (input) => {
    const answer = (path: string): Uint8Array => {
      if (question.test(path)) return input;
      if (path.endsWith('/crl')) return crl;
      return path.endsWith('/cert_chain') ? chain : vcek;
    };
    const client = { address: (path: string) => path, fetch: async (path: string) => answer(path) };
    const kds = { client, cache: openMemoryCache(), clock: () => new Date(0) };
    const completion = { collateral: { kds, crlNumbers: openMemoryCrlNumbers() }, trust, now: new Date(0) };
    let given = 'nothing';
    try {
      await appraiseCompleted(
        { report, certificates: [], crl: null },
        completion,
        async ({ certificates, crl: list }) => {
          given = `${certificates.length} certificates${list === null ? '' : ' and a list'}`;
          return { ...NOTHING, checks: [] };
        },
      );
      return `completed by ${given}`;
    } catch (error) {
      if (error instanceof TransportError) return nameOf(error.message.replace(/^\S+/, 'the service'));
      throw error;
    }
  };
}

/** An appraisal for a target that wants to know only what came to be appraised. */
const NOTHING = { verdict: 'reject', stage: 'parse', code: null, error: null, simulated: true, report: null } as const;

/** Changes what stands in base64 in a case, so that the appraisal itself gets changed bytes. */
const changeCase: Mutator = (_input, random, others) => {
  const line = JSON.parse(text(random.pick(others))) as { report: string; certificates: string[]; crl: string };
  const change = (base64: string, mutate: Mutator): string => {
    const bytes = parseBase64(base64) ?? new Uint8Array();
    return encodeBase64(mutate(bytes, random, [bytes]));
  };
  const at = random.below(line.certificates.length);
  const kind = random.below(6);
  if (kind < 2) line.report = change(line.report, random.chance(0.5) ? changeInteger(REPORT_PLACES) : changeBytes);
  else if (kind === 2) line.crl = change(line.crl, changeDer);
  else if (kind === 3) line.certificates.splice(at, 1);
  else line.certificates[at] = change(line.certificates[at] ?? '', changeDer);
  return encodeUtf8(JSON.stringify(line));
};

/** Changes what stands in one block of PEM. */
const changePem: Mutator = (input, random) => {
  const blocks = [...text(input).matchAll(/(?<=-----\n)[A-Za-z0-9+/=]+/g)];
  if (blocks.length === 0) return input;
  const block = random.pick(blocks);
  const der = parseBase64(block[0]) ?? new Uint8Array();
  const changed = encodeBase64(random.chance(0.8) ? changeDer(der, random, [der]) : changeBytes(der, random, [der]));
  return encodeUtf8(
    `${text(input).slice(0, block.index)}${changed}${text(input).slice(block.index + block[0].length)}`,
  );
};

const NEST_JSON = nest(encodeUtf8('{"a":['), encodeUtf8(']}'));
const NEST_CBOR = nest(Uint8Array.of(0x81), new Uint8Array());
const NEST_DER: Mutator = (input, random, others) => {
  let out: Uint8Array = input.subarray(0, 100);
  for (let depth = random.below(60); depth > 0; depth--) {
    const head = out.length < 0x80 ? [0x30, out.length] : [0x30, 0x82, out.length >> 8, out.length & 0xff];
    out = concatBytes(Uint8Array.of(...head), out);
  }
  return random.chance(0.1) ? changeBytes(out, random, others) : out;
};

/** Gives the targets of the verifier over these seeds. */
export function verifierTargets(seeds: Seeds): readonly Target[] {
  const der = [changeDer, changeDer, changeDer, changeDer, changeDer, changeDer, changeBytes, NEST_DER];
  const cbor = [changeCbor, changeCbor, changeCbor, changeBytes, NEST_CBOR];
  const json = [...Array.from({ length: 12 }, () => changeJson), changeBytes, NEST_JSON];
  const files = [...seeds.report, ...seeds.evidence, ...seeds.cmw, ...seeds.hcl].concat(
    seeds.report.slice(0, 3).map((report, i) => concatBytes(report, seeds.table[i] ?? encodeUtf8(''))),
  );
  const chains = seeds.pem.filter((pem) => isPem(pem));
  const veks = seeds.certificate.filter((der) => vekKind(parseCertificate(der)?.subject.commonName ?? '') !== null);
  const tablePlaces = [0, 16, 20, 24, 40, 44, 48, 64, 68, 72, 88, 92];
  const hclPlaces = [0, 4, 8, 12, 16, 20, 1216, 1220, 1224, 1228, 1232, 1236];
  const fromEnd = [48, 50, 66, 68, 84, 88, 92, 110, 114].map((distance) => 8192 - distance);
  const firmwarePlaces = [
    ...fromEnd,
    ...[0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 88, 92, 96].map((n) => 8192 - 0x600 + n),
  ];
  return [
    {
      name: 'report',
      share: 16,
      seeds: seeds.report,
      mutators: [changeInteger(REPORT_PLACES), changeInteger(null), changeBytes],
      run: readReport,
    },
    { name: 'certificate', share: 16, seeds: seeds.certificate, mutators: der, run: readCertificate },
    { name: 'crl', share: 12, seeds: seeds.crl, mutators: der, run: readCrl },
    {
      name: 'table',
      share: 8,
      seeds: seeds.table,
      mutators: [changeInteger(tablePlaces), changeBytes],
      run: readTable,
    },
    { name: 'pem', share: 4, seeds: seeds.pem, mutators: [changePem, changeBytes], run: readPem },
    { name: 'cbor', share: 12, seeds: seeds.cbor, mutators: cbor, run: readCbor },
    { name: 'evidence', share: 4, seeds: seeds.evidence, mutators: cbor, run: readEvidence },
    { name: 'claims', share: 8, seeds: seeds.claims, mutators: cbor, run: readClaims },
    { name: 'cmw', share: 3, seeds: seeds.cmw, mutators: cbor, run: readCmw },
    {
      name: 'hcl',
      share: 4,
      seeds: seeds.hcl,
      mutators: [changeInteger(hclPlaces), changeInteger(null), changeBytes],
      run: readHcl,
    },
    {
      name: 'evidence-file',
      share: 3,
      seeds: files,
      mutators: [changeBytes, changeInteger([0, 4, 8]), changeCbor],
      run: readEvidenceFile,
    },
    { name: 'trust', share: 6, seeds: seeds.trust, mutators: json, run: readTrust },
    { name: 'release', share: 3, seeds: [RELEASE], mutators: json, run: readRelease },
    {
      name: 'case',
      share: 1,
      seeds: seeds.case,
      mutators: [...json, ...json.map(() => changeCase)],
      run: readCase(seeds),
    },
    {
      name: 'firmware',
      share: 2,
      seeds: seeds.firmware,
      mutators: [changeInteger(firmwarePlaces), changeInteger(null), changeBytes],
      run: readFirmware,
    },
    {
      name: 'id-block',
      share: 2,
      seeds: seeds['id-block'],
      mutators: [changeInteger(null), changeBytes],
      run: readIdBlock,
    },
    {
      name: 'id-auth',
      share: 3,
      seeds: seeds['id-auth'],
      mutators: [changeInteger(null), changeBytes],
      run: readIdAuth,
    },
    { name: 'kds-vcek', share: 1, seeds: veks, mutators: der, run: readKdsAnswer(seeds, /[?]/) },
    {
      name: 'kds-chain',
      share: 1,
      seeds: chains,
      mutators: [changePem, changePem, changeBytes],
      run: readKdsAnswer(seeds, /cert_chain$/),
    },
    { name: 'kds-crl', share: 1, seeds: seeds.crl, mutators: der, run: readKdsAnswer(seeds, /crl$/) },
  ];
}
