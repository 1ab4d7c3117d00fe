/**
 * What is asked of the package in Node and in a browser alike: verdicts over cases, a chain without a report, launch digests, and what a
 * session and a signing key do here. Runs in both, so it uses nothing of either.
 */
import type { Appraisal, Check } from '../../src/appraisal.ts';
import { appraiseCase, parseCase, type Verdict } from '../../src/attestation/conformance.ts';
import { parseCpuType } from '../../src/attestation/measurement/cpu.ts';
import { parseFirmware } from '../../src/attestation/measurement/firmware.ts';
import { parseGuestFeatures } from '../../src/attestation/measurement/guest-features.ts';
import { measureFirmware, measureMatrix } from '../../src/attestation/measurement/matrix.ts';
import type { Vmm } from '../../src/attestation/measurement/vmsa.ts';
import type { Machine } from '../../src/attestation/requirements.ts';
import { appraiseSession } from '../../src/attestation/session-appraisal.ts';
import { checkChain } from '../../src/attestation/snp/chain.ts';
import { createChainCache } from '../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../src/attestation/snp/crl-numbers.ts';
import { parseCertificate } from '../../src/attestation/snp/der.ts';
import { parseTrustFile } from '../../src/attestation/trust-file.ts';
import { encodeHex, parseBase64, parseHex } from '../../src/base/bytes.ts';
import { sha256, sha384 } from '../../src/base/digest.ts';
import { EnclaveError, keyCredential, SecureSession } from '../../src/index.ts';

/** One launch to measure; files are base64, `firmwareDigest` is hex or null. */
export interface Launch {
  readonly vmm: Vmm;
  readonly vcpus: number;
  readonly cpu: string | null;
  readonly guestFeatures: string;
  readonly firmware: string;
  readonly firmwareDigest: string | null;
  readonly kernel: string | null;
  readonly initrd: string | null;
  readonly commandLine: string;
}

/** One bundle and what a client knows of its connection: base64 and hex. */
export interface EvidenceQuestion {
  readonly bundle: string;
  readonly trustFile: string;
  readonly nonce: string;
  readonly channel: string;
  readonly peerSpkiDigest: string;
  readonly at: string;
}

export interface Questions {
  /** Lines of the conformance contract. */
  readonly cases: readonly string[];
  /** Certificates in base64 DER, and when they are looked at. */
  readonly chain: { readonly certificates: readonly string[]; readonly at: string; readonly machine: Machine };
  readonly launches: readonly Launch[];
  readonly evidence: readonly EvidenceQuestion[];
  readonly privateKeyPem: string;
}

export interface Findings {
  readonly verdicts: readonly Verdict[];
  /** The same cases again, with one cache for all of them. */
  readonly cached: readonly Verdict[];
  readonly chain: readonly Check[];
  readonly digests: readonly string[];
  readonly evidence: readonly Appraisal[];
  readonly keyId: string;
  readonly signature: string;
  /** Code of the error that making a session gave; null for none. */
  readonly sessionCode: string | null;
}

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => {
  const bytes = parseBase64(base64);
  if (bytes === null) throw new TypeError('not base64');
  return bytes;
};

function measure(launch: Launch): string[] {
  const { vmm, vcpus, cpu, kernel, initrd, commandLine } = launch;
  const firmware = parseFirmware(bytesOf(launch.firmware));
  const known = launch.firmwareDigest === null ? null : parseHex(launch.firmwareDigest, 48);
  const boot = kernel === null ? null : { kernelDigest: sha256(bytesOf(kernel)), initrdDigest: null, commandLine };
  const matrix = {
    vmm,
    firmware,
    firmwareDigest: known ?? measureFirmware(firmware, sha384),
    boot: boot === null || initrd === null ? boot : { ...boot, initrdDigest: sha256(bytesOf(initrd)) },
    enforcing: 'unchecked',
    guestFeatures: parseGuestFeatures(launch.guestFeatures),
    vcpus: [vcpus],
    cpus: [cpu === null ? null : parseCpuType(cpu)],
  } as const;
  return measureMatrix(matrix, sha384).map(({ digest }) => encodeHex(digest));
}

const hexOf = (hex: string): Uint8Array<ArrayBuffer> => parseHex(hex, 32) ?? new Uint8Array();

async function appraiseBundle(question: EvidenceQuestion): Promise<Appraisal> {
  const channel = {
    role: 'worker',
    nonce: hexOf(question.nonce),
    value: hexOf(question.channel),
    peerSpkiDigest: hexOf(question.peerSpkiDigest),
  } as const;
  const trust = parseTrustFile(question.trustFile);
  const now = new Date(question.at);
  return await appraiseSession(bytesOf(question.bundle), channel, trust, now, createChainCache(), createCrlNumbers([]));
}

function trySession(): string | null {
  try {
    return new SecureSession('https://localhost:8443') instanceof SecureSession ? null : 'no session';
  } catch (error) {
    if (error instanceof EnclaveError) return error.code;
    throw error;
  }
}

/** Answers all questions on this platform. */
export async function examine(questions: Questions): Promise<Findings> {
  const { cases, chain, launches, evidence, privateKeyPem } = questions;
  const verdicts: Verdict[] = [];
  const cached: Verdict[] = [];
  const cache = createChainCache();
  for (const line of cases) {
    verdicts.push(await appraiseCase(parseCase(line), createChainCache()));
    cached.push(await appraiseCase(parseCase(line), cache));
  }
  const certificates = chain.certificates.map((der) => parseCertificate(bytesOf(der))).filter((c) => c !== null);
  const { checks } = await checkChain(certificates, null, chain.machine, 'amd', new Date(chain.at), createChainCache());
  const key = keyCredential({ privateKeyPem });
  return {
    verdicts,
    cached,
    chain: checks,
    digests: launches.flatMap(measure),
    evidence: await Promise.all(evidence.map(appraiseBundle)),
    keyId: await key.keyId(),
    signature: encodeHex(await key.sign(Uint8Array.of(1, 2, 3))),
    sessionCode: trySession(),
  };
}
