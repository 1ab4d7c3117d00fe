/**
 * The table of certificates that the host hands to a guest along with its report: GUIDs, offsets and lengths, then the payloads, DER or
 * PEM. It comes from the host, so nothing in it is believed; it is split, and the appraisal judges the certificates.
 * (GHCB specification, SNP extended guest request.)
 */
import { encodeHex, isZero } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { type PemLabel, parsePem } from './pem.ts';

const ENTRY_SIZE = 24;
const GUID_SIZE = 16;

/** What an entry holds, by its GUID as printed; other GUIDs are passed over. */
const KINDS: Readonly<Record<string, 'certificate' | 'crl'>> = {
  // VCEK
  '63da758de6644564adc5f4b93be8accd': 'certificate',
  // VLEK
  a8074bc2a25a483eaae639c045a0b8a1: 'certificate',
  // ASK or ASVK
  '4ab7b379bbac4fe4a02f05aef327c782': 'certificate',
  // ARK
  c0b406a4a803495297433fb6014cd0ae: 'certificate',
  '92f81bc358114d3d97ffd19f88dc67ea': 'crl',
};

/** The certificates and the revocation list of a table, DER. */
interface CertificateTable {
  readonly certificates: readonly Uint8Array[];
  readonly crl: Uint8Array | null;
}

export type ParsedCertificateTable = { readonly value: CertificateTable } | { readonly problem: string };

interface Entry {
  readonly guid: string;
  readonly payload: Uint8Array;
}

/** Walks the header up to its all-zero entry; gives the entries with their payloads, or the first problem in words. */
function parseEntries(table: Uint8Array): readonly Entry[] | string {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const places: { guid: string; offset: number; length: number }[] = [];
  let at = 0;
  for (; ; at += ENTRY_SIZE) {
    if (at + ENTRY_SIZE > table.length) return 'the header does not end';
    if (isZero(table.subarray(at, at + ENTRY_SIZE))) break;
    places.push({
      guid: encodeHex(table.subarray(at, at + GUID_SIZE)),
      offset: view.getUint32(at + 16, true),
      length: view.getUint32(at + 20, true),
    });
  }
  const headerSize = at + ENTRY_SIZE;
  const guids = new Set<string>();
  for (const { guid, offset, length } of places) {
    if (guids.has(guid)) return `entry ${guid} is there twice`;
    guids.add(guid);
    if (offset < headerSize) return `entry ${guid} starts inside the header`;
    if (offset + length > table.length) return `entry ${guid} ends outside the table`;
  }
  return places.map(({ guid, offset, length }) => ({ guid, payload: table.slice(offset, offset + length) }));
}

/** Splits a payload into DER: PEM blocks of the given label, or the payload as it is. Gives null for broken PEM. */
function parsePayload(payload: Uint8Array, label: PemLabel): readonly Uint8Array[] | null {
  return payload[0] === 0x30 ? [payload] : parsePem(payload, label);
}

/** Splits a table into its certificates and list; an empty table holds none. Gives the first problem in words. */
export function parseCertificateTable(table: Uint8Array): ParsedCertificateTable {
  if (table.length === 0) return { value: { certificates: [], crl: null } };
  // What does not fit into evidence is of no use to anybody.
  if (table.length > LIMITS.evidenceBytes) return { problem: `over ${LIMITS.evidenceBytes} bytes` };
  const entries = parseEntries(table);
  if (typeof entries === 'string') return { problem: entries };
  const certificates: Uint8Array[] = [];
  let crl: Uint8Array | null = null;
  for (const { guid, payload } of entries) {
    const kind = KINDS[guid];
    if (kind === undefined) continue;
    const items = parsePayload(payload, kind === 'crl' ? 'X509 CRL' : 'CERTIFICATE');
    if (items === null) return { problem: `entry ${guid} is neither DER nor PEM` };
    const maxBytes = kind === 'crl' ? LIMITS.crlBytes : LIMITS.certificateBytes;
    if (items.some((item) => item.length > maxBytes)) return { problem: `entry ${guid} is over ${maxBytes} bytes` };
    if (kind === 'certificate') certificates.push(...items);
    else if (items.length === 1) crl = items[0] ?? null;
    else return { problem: `entry ${guid} holds ${items.length} revocation lists` };
  }
  if (certificates.length > LIMITS.certificates) return { problem: `more than ${LIMITS.certificates} certificates` };
  return { value: { certificates, crl } };
}
