/** Asks Debian's openssl about certificates, revocation lists and signatures of reports. Each answer is openssl's own words. */
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FIELDS, SIGNED_SIZE } from '../../src/attestation/snp/layout.ts';

/** Certificates as they come from a machine, DER: VEK, ASK or ASVK, ARK. */
export type Chain = readonly Uint8Array[];

export interface Openssl {
  readonly version: string;
  /** Verifies a chain at a time under a root; with a list, also that the intermediate is not on it. */
  verifyChain(chain: Chain, root: Uint8Array, at: Date): string;
  verifyNotRevoked(chain: Chain, crl: Uint8Array, at: Date): string;
  /** Verifies the signature of a list. */
  verifyList(crl: Uint8Array, root: Uint8Array): string;
  /** Verifies the signature of a report. */
  verifyReport(report: Uint8Array, vek: Uint8Array): string;
}

/** Writes a DER INTEGER of a little-endian number. */
function encodeInteger(littleEndian: Uint8Array): Uint8Array {
  const digits =
    Buffer.from(littleEndian)
      .reverse()
      .toString('hex')
      .replace(/^(?:00)+/, '') || '00';
  const positive = Number.parseInt(digits.slice(0, 2), 16) >= 0x80 ? `00${digits}` : digits;
  const bytes = Buffer.from(positive, 'hex');
  return Buffer.concat([Buffer.of(0x02, bytes.length), bytes]);
}

/** Writes the report's signature as ECDSA-Sig-Value. */
function encodeSignature(report: Uint8Array): Uint8Array {
  const half = (field: { readonly offset: number; readonly size: number }): Uint8Array =>
    encodeInteger(report.subarray(field.offset, field.offset + field.size));
  const body = Buffer.concat([half(FIELDS.signatureR), half(FIELDS.signatureS)]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

/** Opens the openssl of this machine; it reads and writes files in `folder`. Null when there is none. */
export function openOpenssl(folder: string): Openssl | null {
  const run = (...args: string[]): string => {
    const { stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
    return `${stdout ?? ''}${stderr ?? ''}`.trim();
  };
  const version = run('version');
  if (version === '') return null;
  mkdirSync(folder, { recursive: true });
  let files = 0;
  const save = (bytes: Uint8Array | string): string => {
    const path = join(folder, `${files++}`);
    writeFileSync(path, bytes);
    return path;
  };
  const pem = (der: Uint8Array | undefined): string => save(new X509Certificate(der ?? new Uint8Array()).toString());
  const common = (at: Date, root: Uint8Array | undefined): string[] => [
    'verify',
    '-check_ss_sig',
    '-attime',
    String(Math.floor(at.getTime() / 1000)),
    '-CAfile',
    pem(root),
  ];
  return {
    version,
    verifyChain: ([vek, middle], root, at) => run(...common(at, root), '-untrusted', pem(middle), pem(vek)),
    verifyNotRevoked: ([, middle, root], crl, at) =>
      run(...common(at, root), '-crl_check', '-CRLfile', save(crl), pem(middle)),
    verifyList: (crl, root) => run('crl', '-inform', 'DER', '-in', save(crl), '-CAfile', pem(root), '-noout'),
    verifyReport: (report, vek) => {
      const key = new X509Certificate(vek).publicKey.export({ type: 'spki', format: 'pem' });
      const signature = save(encodeSignature(report));
      return run(
        'dgst',
        '-sha384',
        '-verify',
        save(key),
        '-signature',
        signature,
        save(report.subarray(0, SIGNED_SIZE)),
      );
    },
  };
}
