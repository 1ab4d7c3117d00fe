/**
 * Remembers the nonces of accepted signatures until they expire, so that none counts twice. One cache per owner: a request that several
 * owners judge shows its nonce to each of them once. When it is full it refuses; forgetting would let a replay through.
 */

/** What the cache says about a nonce: first time, seen before, or no room to remember it. */
export type NonceVerdict = 'fresh' | 'replayed' | 'full';

export interface ReplayCache {
  /** Remembers a nonce of this key until `expiresUnixSec`; call it only after everything else about the signature held. */
  admit(keyId: string, nonce: string, expiresUnixSec: number, now: Date): NonceVerdict;
}

export interface ReplayCacheOptions {
  /** Nonces of all keys together; one is about 100 bytes. */
  readonly maxNonces: number;
  /** Nonces of one key, so that one busy caller cannot lock the others out. */
  readonly maxNoncesPerKey: number;
}

/** A quarter of a million nonces: about 25 MB, and four keys at 200 signed requests a second with the longest lifetime. */
export const REPLAY_CACHE: ReplayCacheOptions = { maxNonces: 262_144, maxNoncesPerKey: 65_536 };

/** Seconds of expiry that share a slot; a slot is dropped whole, so pruning costs nothing per nonce. */
const SLOT_SECONDS = 15;

/** Opens an empty cache. */
export function openReplayCache(options: ReplayCacheOptions): ReplayCache {
  /** Slot of expiry, then key, then nonces. */
  const slots = new Map<number, Map<string, Set<string>>>();

  function prune(now: Date): void {
    const current = Math.floor(now.getTime() / 1000 / SLOT_SECONDS);
    for (const slot of slots.keys()) if (slot < current) slots.delete(slot);
  }

  return {
    admit(keyId, nonce, expiresUnixSec, now) {
      prune(now);
      let all = 0;
      let own = 0;
      for (const keys of slots.values()) {
        for (const [key, nonces] of keys) {
          all += nonces.size;
          if (key !== keyId) continue;
          if (nonces.has(nonce)) return 'replayed';
          own += nonces.size;
        }
      }
      if (all >= options.maxNonces || own >= options.maxNoncesPerKey) return 'full';
      const slot = Math.floor(expiresUnixSec / SLOT_SECONDS);
      const keys = slots.get(slot) ?? new Map<string, Set<string>>();
      const nonces = keys.get(keyId) ?? new Set<string>();
      slots.set(slot, keys.set(keyId, nonces.add(nonce)));
      return 'fresh';
    },
  };
}
