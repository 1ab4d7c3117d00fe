/**
 * The ID block: what a guest's owner demands of a launch (digest and guest policy), and what the report then says about it. The firmware
 * refuses to start a guest that differs. 96 bytes; who signs it is in id-auth.ts. [SNP-ABI 1.58 ID_BLOCK]
 */
import { ConfigurationError } from '../../errors.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Every field of an ID block that can be chosen. */
export interface IdBlock {
  /** 48 bytes. */
  readonly launchDigest: Uint8Array;
  /** 16 bytes, the owner's own. */
  readonly familyId: Uint8Array;
  /** 16 bytes, the owner's own. */
  readonly imageId: Uint8Array;
  /** Security version of the guest, 32 bits. */
  readonly guestSvn: number;
  /** Guest policy bits, 64 bits. */
  readonly guestPolicy: bigint;
}

/** Length of an ID block in bytes. */
export const ID_BLOCK_SIZE: number = 96;

const VERSION = 1;

/**
 * Encodes an ID block: 96 bytes.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE for a field of another size
 */
export function encodeIdBlock(block: IdBlock): Bytes {
  const { launchDigest, familyId, imageId, guestSvn, guestPolicy } = block;
  const right =
    launchDigest.length === 48 &&
    familyId.length === 16 &&
    imageId.length === 16 &&
    guestSvn === guestSvn >>> 0 &&
    guestPolicy === BigInt.asUintN(64, guestPolicy);
  if (!right) {
    throw new ConfigurationError(
      'ERR_CONFIGURATION_USAGE',
      'an ID block has a launch digest of 48 bytes, family and image of 16, a guest SVN of 32 bits and a guest policy of 64 bits',
    );
  }
  const bytes = new Uint8Array(ID_BLOCK_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set(launchDigest, 0);
  bytes.set(familyId, 48);
  bytes.set(imageId, 64);
  view.setUint32(80, VERSION, true);
  view.setUint32(84, guestSvn, true);
  view.setBigUint64(88, guestPolicy, true);
  return bytes;
}

/**
 * Reads an ID block of 96 bytes.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export function parseIdBlock(bytes: Uint8Array): IdBlock {
  const refuse = (why: string): ConfigurationError =>
    new ConfigurationError('ERR_CONFIGURATION_FILE', `this is not an ID block: ${why}`);
  if (bytes.length !== ID_BLOCK_SIZE) throw refuse(`it has ${bytes.length} bytes instead of ${ID_BLOCK_SIZE}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(80, true);
  if (version !== VERSION) throw refuse(`its version is ${version} instead of ${VERSION}`);
  return {
    launchDigest: Uint8Array.from(bytes.subarray(0, 48)),
    familyId: Uint8Array.from(bytes.subarray(48, 64)),
    imageId: Uint8Array.from(bytes.subarray(64, 80)),
    guestSvn: view.getUint32(84, true),
    guestPolicy: view.getBigUint64(88, true),
  };
}
