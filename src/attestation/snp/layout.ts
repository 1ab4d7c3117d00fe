/**
 * Where each field of an attestation report stands: 1184 bytes, integers little-endian. No meaning here, only places.
 * [SNP-ABI 1.58 ATTESTATION_REPORT]
 */

/** A field's place in bytes. */
export interface Place {
  readonly offset: number;
  readonly size: number;
}

/** Length of a report in bytes. */
export const REPORT_SIZE: number = 0x4a0;

/** Length of the part that the signature covers, from the first byte. */
export const SIGNED_SIZE: number = 0x2a0;

const place = (offset: number, size: number): Place => ({ offset, size });

/** Names every field of the report that holds a value. */
export type FieldName =
  | 'version'
  | 'guestSvn'
  | 'guestPolicy'
  | 'familyId'
  | 'imageId'
  | 'vmpl'
  | 'signatureAlgorithm'
  | 'currentTcb'
  | 'platformInfo'
  | 'keyInfo'
  | 'reportData'
  | 'measurement'
  | 'hostData'
  | 'idKeyDigest'
  | 'authorKeyDigest'
  | 'reportId'
  | 'reportIdMa'
  | 'reportedTcb'
  | 'cpuid'
  | 'chipId'
  | 'committedTcb'
  | 'currentFirmware'
  | 'committedFirmware'
  | 'launchTcb'
  | 'launchMitigations'
  | 'currentMitigations'
  | 'signatureR'
  | 'signatureS';

/** Maps each field to its place. */
export const FIELDS: Readonly<Record<FieldName, Place>> = {
  version: place(0x000, 4),
  guestSvn: place(0x004, 4),
  guestPolicy: place(0x008, 8),
  familyId: place(0x010, 16),
  imageId: place(0x020, 16),
  vmpl: place(0x030, 4),
  signatureAlgorithm: place(0x034, 4),
  currentTcb: place(0x038, 8),
  platformInfo: place(0x040, 8),
  keyInfo: place(0x048, 4),
  reportData: place(0x050, 64),
  measurement: place(0x090, 48),
  hostData: place(0x0c0, 32),
  idKeyDigest: place(0x0e0, 48),
  authorKeyDigest: place(0x110, 48),
  reportId: place(0x140, 32),
  reportIdMa: place(0x160, 32),
  reportedTcb: place(0x180, 8),
  cpuid: place(0x188, 3),
  chipId: place(0x1a0, 64),
  committedTcb: place(0x1e0, 8),
  currentFirmware: place(0x1e8, 3),
  committedFirmware: place(0x1ec, 3),
  launchTcb: place(0x1f0, 8),
  launchMitigations: place(0x1f8, 8),
  currentMitigations: place(0x200, 8),
  signatureR: place(0x2a0, 72),
  signatureS: place(0x2e8, 72),
};

/** Lists the places that must be zero in every version; the last is outside the signed part, so nothing else protects it. */
export const RESERVED: readonly Place[] = [
  place(0x04c, 4),
  place(0x18b, 21),
  place(0x1eb, 1),
  place(0x1ef, 1),
  place(0x208, 152),
  place(0x330, 368),
];
