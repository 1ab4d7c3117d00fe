/**
 * What an owner's data or secret is sealed for: one owner, one name, one run of one worker, under one policy. Both ends make the same context, so
 * what was sealed for anything else does not open. Seals nothing itself. [RFC 9180 5.1; RFC 8785]
 */
import { encodeHex, encodeUtf8 } from '../base/bytes.ts';
import { encodeCanonicalJson } from '../base/canonical-json.ts';
import type { DigestText } from '../base/digest.ts';

/** What is put: a file for functions to read, or a secret for the gate. */
export type UploadKind = 'data' | 'secret';

export interface UploadTarget {
  readonly kind: UploadKind;
  readonly owner: string;
  /** As the policy names it. */
  readonly name: string;
  /** The run of the worker, as its claims name it: 16 bytes. */
  readonly instance: Uint8Array;
  /** The owner's policy in force. */
  readonly policy: DigestText;
}

const INFO = encodeUtf8('anchorhold/upload/1');

/** Gives what sealing and opening bind beside the content. */
export function uploadContext({ kind, owner, name, instance, policy }: UploadTarget): {
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
} {
  return {
    info: INFO,
    aad: encodeUtf8(encodeCanonicalJson({ kind, owner, name, instance: encodeHex(instance), policy })),
  };
}

/** A header can hold it, and it is too long (8 bytes at least) to be in an answer by chance. */
const SECRET = /^[\x21-\x7e][\x20-\x7e]{6,}[\x21-\x7e]$/;
/** What fits into one header field beside the others. */
export const MAX_SECRET_BYTES = 4096;

/** Reads a secret; null when it is not 8 to 4096 visible characters, with blanks only between them. */
export function parseSecret(bytes: Uint8Array): string | null {
  if (bytes.length > MAX_SECRET_BYTES) return null;
  const text = String.fromCharCode(...bytes);
  return SECRET.test(text) ? text : null;
}
