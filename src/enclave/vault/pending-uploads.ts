/** Contents that owners have signed for and not yet sent: each is known by its digest, and waited for until its statement expires. */
import { encodeBase64 } from '../../base/bytes.ts';
import { parseDigest } from '../../base/digest.ts';
import type { Upload } from './vault.ts';

/** So many may be waited for at the same time; more are told to come back. */
const MAX_PENDING = 64;

export interface PendingUploads {
  /** Waits for a content; false when too many are waited for. */
  add(upload: Upload, expires: Date, now: Date): boolean;
  /** Gives what was signed for the content with this digest, as the header `content-digest` writes it, and waits no more; null when nobody did. */
  take(field: string, now: Date): Upload | null;
}

/** Opens a list in which nothing is waited for. */
export function openPendingUploads(): PendingUploads {
  const pending = new Map<string, { readonly upload: Upload; readonly expires: Date }>();
  const fieldOf = ({ digest }: Upload): string => `sha-256=:${encodeBase64(parseDigest(digest) ?? new Uint8Array(0))}:`;
  const sweep = (now: Date): void => {
    for (const [field, { expires }] of pending) if (!(now < expires)) pending.delete(field);
  };
  return {
    add(upload, expires, now) {
      sweep(now);
      if (pending.size >= MAX_PENDING) return false;
      pending.set(fieldOf(upload), { upload, expires });
      return true;
    },
    take(field, now) {
      sweep(now);
      const found = pending.get(field);
      pending.delete(field);
      return found?.upload ?? null;
    },
  };
}
