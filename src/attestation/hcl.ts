/**
 * The blob that an Azure confidential VM keeps in its virtual TPM (NV index 0x01400001): a header, the report, and the runtime data whose
 * hash is in REPORT_DATA. Reads form and makes the check that binds the two; the TPM quote that would show freshness is not read.
 * [Azure guest attestation, attestation report]
 */
import type { Check } from '../appraisal.ts';
import { concatBytes, encodeHex, equalBytes, isZero, parseUtf8 } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { makeCheck } from './checks.ts';
import { readJson } from './json-reader.ts';
import { REPORT_SIZE } from './snp/layout.ts';
import type { AttestationReport } from './snp/report.ts';

const SIGNATURE = 'HCLA';
const HEADER_SIZE = 32;
const DATA_HEADER_AT: number = HEADER_SIZE + REPORT_SIZE;
const DATA_HEADER_SIZE = 20;
const DATA_AT: number = DATA_HEADER_AT + DATA_HEADER_SIZE;
/** Request type: a certificate for the TPM's attestation key; the only one that a guest can read. */
const REQUEST_TYPE = 2;
/** Report type: SEV-SNP; 4 would be Intel TDX. */
const REPORT_TYPE = 2;
/** Hash type: SHA-256. */
const HASH_TYPE = 1;

/** Claims of the paravisor, as JSON values: keys of the TPM, configuration of the machine, what its owner stored. */
export type RuntimeClaims = Readonly<Record<string, unknown>>;

/** A blob, taken apart. */
export interface HclBlob {
  /** Version of the blob's layout: 1 or 2, which differ in nothing that is read here. */
  readonly version: 1 | 2;
  /** 1184 bytes, untouched. */
  readonly report: Uint8Array;
  /** The bytes whose SHA-256 is in REPORT_DATA. */
  readonly runtimeData: Uint8Array;
  /** What these bytes say: anybody's word until `checkRuntimeData` has passed under an authentic report. */
  readonly runtimeClaims: RuntimeClaims;
}

/** Tells whether bytes begin as such a blob does. */
export function isHclBlob(bytes: Uint8Array): boolean {
  return parseUtf8(bytes.subarray(0, SIGNATURE.length)) === SIGNATURE;
}

function parseRuntimeClaims(data: Uint8Array): RuntimeClaims | null {
  const text = parseUtf8(data);
  if (text === null) return null;
  try {
    return readJson(text, LIMITS.hclBytes, 'the runtime data', (value) =>
      typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as RuntimeClaims) : null,
    );
  } catch (error) {
    if (error instanceof ConfigurationError) return null;
    throw error;
  }
}

/** Decodes a blob, padded with zeros or not; gives the first problem in words. */
export function parseHclBlob(blob: Uint8Array): { readonly value: HclBlob } | { readonly problem: string } {
  if (blob.length > LIMITS.hclBytes) return { problem: `${blob.length} bytes, over the cap of ${LIMITS.hclBytes}` };
  // A slice of a Buffer is no copy: the claims that are read here would not be the data that are hashed later.
  const bytes = Uint8Array.from(blob);
  if (bytes.length < DATA_AT) return { problem: `${bytes.length} bytes, too few for its headers and a report` };
  if (!isHclBlob(bytes)) return { problem: `it does not begin with ${SIGNATURE}` };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const integer = (at: number): number => view.getUint32(at, true);

  const version = integer(4);
  if (version !== 1 && version !== 2) return { problem: `version ${version} of the header` };
  if (integer(12) !== REQUEST_TYPE) return { problem: `request type ${integer(12)}, not ${REQUEST_TYPE}` };
  if (integer(16) !== 0) return { problem: `status ${integer(16)}, not 0` };
  if (!isZero(bytes.subarray(20, HEADER_SIZE))) return { problem: 'reserved bytes of the header are not zero' };

  const [dataSize, dataVersion, reportType, hashType, variableSize] = [0, 4, 8, 12, 16].map((at) =>
    integer(DATA_HEADER_AT + at),
  ) as [number, number, number, number, number];
  if (dataVersion !== 1) return { problem: `version ${dataVersion} of the runtime data` };
  if (reportType !== REPORT_TYPE) return { problem: `report type ${reportType}, not ${REPORT_TYPE} (SEV-SNP)` };
  if (hashType !== HASH_TYPE) return { problem: `hash type ${hashType}, not ${HASH_TYPE} (SHA-256)` };
  if (dataSize !== DATA_HEADER_SIZE + variableSize) return { problem: 'the two sizes of the runtime data disagree' };
  const end = DATA_AT + variableSize;
  if (integer(8) !== end) return { problem: 'the sizes in the two headers disagree' };
  if (end > bytes.length) return { problem: `the runtime data end after ${end} bytes, the blob after ${bytes.length}` };
  if (!isZero(bytes.subarray(end))) return { problem: 'bytes after the runtime data are not zero' };

  const runtimeData = bytes.slice(DATA_AT, end);
  const runtimeClaims = parseRuntimeClaims(runtimeData);
  if (runtimeClaims === null) return { problem: 'the runtime data are not one JSON object with each key once' };
  return { value: { version, report: bytes.slice(HEADER_SIZE, DATA_HEADER_AT), runtimeData, runtimeClaims } };
}

/** Checks that REPORT_DATA is the SHA-256 of the runtime data and 32 zero bytes: all 64 bytes of it. */
export function checkRuntimeData(report: AttestationReport, runtimeData: Uint8Array): Check {
  const expected = concatBytes(sha256(runtimeData), new Uint8Array(32));
  const { reportData } = report;
  const met = equalBytes(reportData, expected);
  return makeCheck('hcl-runtime-data', met, encodeHex(expected), encodeHex(reportData));
}
