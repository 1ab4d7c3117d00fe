/**
 * Seals bytes for the disk: AES-256-GCM under a key of its own for each purpose and each run. What is opened is what was sealed under this label
 * for this purpose, or nothing; that it is the newest is for others to know. [SP 800-38D; RFC 5869]
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { concatBytes, encodeUtf8, equalBytes } from '../../base/bytes.ts';
import { randomBytes } from '../../io/random.ts';

/** `u8 version`, the run's salt, the nonce; then the ciphertext with its tag. */
const VERSION = 1;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + SALT_BYTES + NONCE_BYTES;
const KEY_BYTES = 32;

/** What sealing adds, in bytes. */
export const SEAL_BYTES: number = HEAD_BYTES + TAG_BYTES;

const DOMAIN = 'anchorhold/sealed/1';

/** Seals and opens what is kept for one purpose. */
export interface Sealer {
  /** Seals under a label, which has to be known again to open it. */
  seal(label: Uint8Array, plain: Uint8Array): Uint8Array;
  /** Opens; null for what was not sealed like this, was changed, or belongs to another label. */
  open(label: Uint8Array, sealed: Uint8Array): Uint8Array | null;
}

/** Derives 32 bytes for one purpose. [RFC 5869] */
export function deriveKey(storageKey: Uint8Array, salt: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', storageKey, salt, encodeUtf8(`${DOMAIN}\0${purpose}`), KEY_BYTES));
}

function associated(head: Uint8Array, purpose: string, label: Uint8Array): Uint8Array {
  return concatBytes(head, encodeUtf8(`${DOMAIN}\0${purpose}\0`), label);
}

/** Opens a sealer over a storage key of 32 bytes, of which it keeps nothing. */
export function openSealer(storageKey: Uint8Array, purpose: string): Sealer {
  const purposeKey = deriveKey(storageKey, new Uint8Array(0), purpose);
  // A salt of this run gives it a key of its own, so a counter is a nonce that never comes twice, copies of the machine included.
  const salt = randomBytes(SALT_BYTES);
  const ownKey = deriveKey(purposeKey, salt, 'run');
  let last = { salt, key: ownKey };
  let count = 0n;

  /** Most of what is opened was sealed by one run. */
  function keyOf(wanted: Uint8Array): Uint8Array {
    if (!equalBytes(wanted, last.salt)) {
      last = { salt: Uint8Array.from(wanted), key: deriveKey(purposeKey, wanted, 'run') };
    }
    return last.key;
  }

  return {
    seal(label, plain) {
      const head = new Uint8Array(HEAD_BYTES);
      head[0] = VERSION;
      head.set(salt, 1);
      new DataView(head.buffer).setBigUint64(1 + SALT_BYTES + 4, count);
      count += 1n;
      const cipher = createCipheriv('aes-256-gcm', ownKey, head.subarray(1 + SALT_BYTES));
      cipher.setAAD(associated(head, purpose, label));
      const body = cipher.update(plain);
      cipher.final();
      return concatBytes(head, body, cipher.getAuthTag());
    },
    open(label, sealed) {
      if (sealed.length < SEAL_BYTES || sealed[0] !== VERSION) return null;
      const head = sealed.subarray(0, HEAD_BYTES);
      const key = keyOf(head.subarray(1, 1 + SALT_BYTES));
      const decipher = createDecipheriv('aes-256-gcm', key, head.subarray(1 + SALT_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(associated(head, purpose, label));
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      const plain = decipher.update(sealed.subarray(HEAD_BYTES, -TAG_BYTES));
      try {
        decipher.final();
      } catch {
        plain.fill(0);
        return null;
      }
      return new Uint8Array(plain.buffer, plain.byteOffset, plain.length);
    },
  };
}
