/**
 * What owners entrust to this worker: data for functions to read, secrets for the gate to put into requests. Takes only what the owner's policy in
 * force names, sealed for this very run, and holds it for as long as that policy, or one that came after it by its own rules, names it.
 * Who may load or take back is decided by signatures before anything comes here.
 */

import { equalBytes } from '../../base/bytes.ts';
import type { DigestText } from '../../base/digest.ts';
import { parseDigest } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import { PolicyError, SecretError } from '../../errors.ts';
import { HPKE_BYTES, type HpkeKey, openSealed } from '../../io/hpke.ts';
import { nativeSha256 } from '../../io/native-digest.ts';
import type { OwnerPolicy } from '../../policy/policy.ts';
import { MAX_SECRET_BYTES, parseSecret, uploadContext } from '../../policy/sealed-upload.ts';
import { type ItemFacts, type ItemName, type ItemStore, itemKey } from './item-store.ts';

/** What an owner signed: this content, of so many bytes as it comes, sealed. */
export interface Upload extends ItemName {
  /** SHA-256 of the sealed content. */
  readonly digest: DigestText;
  /** Bytes of the sealed content. */
  readonly size: number;
}

/** Data that a function may be given. */
export interface HeldData {
  /** Another one for each content that ever was here under this name. */
  readonly edition: number;
  readonly bytes: Uint8Array;
}

/** `withheld` is what was kept under a policy that is not the one in force: nobody gets it until the owner loads it again. */
export interface ListedItem extends ItemFacts {
  readonly state: 'held' | 'withheld';
}

export interface Vault {
  /** Says whether a content of that size may come at all, before any of it is read. @throws PolicyError ERR_POLICY_DENIED_UPLOAD, ERR_POLICY_NOT_IN_FORCE */
  admit(upload: Upload): void;
  /** Takes a sealed content. @throws as `admit`, and SecretError ERR_SECRET_SEAL, ConfigurationError ERR_CONFIGURATION_FILE */
  put(upload: Upload, sealed: Uint8Array): Promise<ItemFacts>;
  /** Wipes and removes; tells whether it was there. */
  forget(item: ItemName): Promise<boolean>;
  /** Holds what the owner's next policy names as before, and forgets the rest; null is no policy any more. */
  follow(owner: string, next: OwnerPolicy | null): Promise<void>;
  /** Gives data that may be read under the policy in force. */
  data(owner: string, name: string): HeldData | null;
  /** Gives a secret that may be used under the policy in force. */
  secret(owner: string, name: string): string | null;
  list(owner: string): readonly ListedItem[];
  /** Calls back after each change of an owner's data, until what it gives is called. */
  onChange(listener: (owner: string) => void): () => void;
  /** Wipes what is in memory; the disk keeps it. */
  close(): void;
}

export interface VaultOptions {
  readonly key: HpkeKey;
  /** This run of the worker, 16 bytes. */
  readonly instance: Uint8Array;
  /** Gives an owner's policy in force. */
  readonly policyOf: (owner: string) => OwnerPolicy | null;
  readonly store: ItemStore;
  /** Hears that something that was kept is not there any more as it was written. */
  readonly onLost: (item: ItemName) => void;
}

interface Held {
  readonly facts: ItemFacts;
  readonly edition: number;
  readonly bytes: Uint8Array;
}

function denied(why: string): PolicyError {
  return new PolicyError('ERR_POLICY_DENIED_UPLOAD', why);
}

/** Gives the most bytes that the policy lets an item have, or why none. */
function maxBytesOf(policy: OwnerPolicy, { kind, name }: ItemName): number {
  if (kind === 'secret') {
    if (!policy.secrets.includes(name)) throw denied(`the policy of ${policy.owner} lists no secret ${name}`);
    return MAX_SECRET_BYTES;
  }
  const rule = policy.data.find((data) => data.name === name);
  if (rule === undefined) throw denied(`the policy of ${policy.owner} names no data ${name}`);
  return Math.min(rule.maxBytes, LIMITS.uploadBytes);
}

/** Tells whether a policy lets this be held. */
function isNamed(policy: OwnerPolicy, item: ItemFacts): boolean {
  if (policy.machine === null) return false;
  try {
    return item.size <= maxBytesOf(policy, item);
  } catch {
    return false;
  }
}

/** Opens the vault with what earlier runs kept under the policies that are in force now. */
export async function openVault({ key, instance, policyOf, store, onLost }: VaultOptions): Promise<Vault> {
  const items = new Map<string, Held>();
  const withheld = new Map<string, ItemFacts>();
  const listeners = new Set<(owner: string) => void>();
  let editions = 0;
  let bytesHeld = 0;
  let last: Promise<unknown> = Promise.resolve();

  /** One after the other, so that what is on the disk is what came last. */
  function inOrder<T>(run: () => Promise<T>): Promise<T> {
    const mine = last.then(run);
    last = mine.catch(() => undefined);
    return mine;
  }

  function hold(facts: ItemFacts, bytes: Uint8Array): void {
    drop(facts);
    editions += 1;
    items.set(itemKey(facts), { facts, edition: editions, bytes });
    bytesHeld += bytes.length;
  }

  /** Wipes what is in memory; copies that the runtime made on the way are beyond reach. */
  function drop(item: ItemName): boolean {
    const held = items.get(itemKey(item));
    withheld.delete(itemKey(item));
    if (held === undefined) return false;
    held.bytes.fill(0);
    bytesHeld -= held.bytes.length;
    return items.delete(itemKey(item));
  }

  function tell(owner: string): void {
    for (const listener of listeners) listener(owner);
  }

  function admit(upload: Upload): OwnerPolicy {
    const policy = policyOf(upload.owner);
    if (policy === null)
      throw new PolicyError('ERR_POLICY_NOT_IN_FORCE', `${upload.owner} has no policy in force in this worker`);
    if (policy.machine === null)
      throw denied(`the policy of ${policy.owner} has no section machine, so no machine may hold its data and secrets`);
    const most = maxBytesOf(policy, upload);
    const size = upload.size - HPKE_BYTES;
    if (!(size >= 0 && size <= most)) throw denied(`${upload.name} has ${size} bytes, and ${most} are allowed`);
    const old = items.get(itemKey(upload))?.bytes.length ?? 0;
    if (bytesHeld - old + size > LIMITS.vaultBytes || (items.size >= LIMITS.vaultItems && old === 0))
      throw denied(`this worker holds at most ${LIMITS.vaultBytes} bytes in ${LIMITS.vaultItems} pieces`);
    return policy;
  }

  async function put(upload: Upload, sealed: Uint8Array): Promise<ItemFacts> {
    const { kind, owner, name, digest, size } = upload;
    const policy = admit(upload);
    const signed = parseDigest(digest);
    if (sealed.length !== size || signed === null || !equalBytes(nativeSha256(sealed), signed))
      throw new SecretError('ERR_SECRET_SEAL', `what came for ${name} is not what was signed`);
    const context = uploadContext({ kind, owner, name, instance, policy: policy.digest });
    const bytes = await openSealed(key, context, sealed);
    if (bytes === null)
      throw new SecretError('ERR_SECRET_SEAL', `${name} was not sealed for this run under the policy ${policy.digest}`);
    if (kind === 'secret' && parseSecret(bytes) === null)
      throw denied(`the secret ${name} must be 8 to ${MAX_SECRET_BYTES} visible characters`);
    const facts = { kind, owner, name, policy: policy.digest, content: digest, size: bytes.length };
    await store.save(facts, bytes);
    hold(facts, bytes);
    if (kind === 'data') tell(owner);
    return facts;
  }

  /** Wipes it at once, so that nobody gets it from here on; tells whether it was there. */
  function wipe(item: ItemName): boolean {
    const wasKept = withheld.has(itemKey(item));
    const wasHeld = drop(item);
    if (wasHeld) tell(item.owner);
    return wasHeld || wasKept;
  }

  async function forget(item: ItemName): Promise<boolean> {
    const wasThere = wipe(item);
    await store.remove(item);
    return wasThere;
  }

  async function follow(owner: string, next: OwnerPolicy | null): Promise<void> {
    const mine = [...items.values()].filter(({ facts }) => facts.owner === owner);
    for (const { facts, edition, bytes } of mine) {
      if (next === null || !isNamed(next, facts)) {
        await forget(facts);
        continue;
      }
      if (facts.policy === next.digest) continue;
      const moved = { ...facts, policy: next.digest };
      items.set(itemKey(facts), { facts: moved, edition, bytes });
      store.move(moved);
    }
    if (next === null)
      for (const facts of [...withheld.values()].filter((item) => item.owner === owner)) await forget(facts);
    tell(owner);
  }

  /** Gives what is held under exactly the policy in force. */
  function find(item: ItemName): Held | null {
    const held = items.get(itemKey(item));
    return held !== undefined && held.facts.policy === policyOf(item.owner)?.digest ? held : null;
  }

  for (const facts of store.kept) {
    const policy = policyOf(facts.owner);
    // The operator hands policies to a worker that starts: under another one than the owner saw, what the owner loaded is not given out.
    if (policy === null || facts.policy !== policy.digest || !isNamed(policy, facts)) {
      withheld.set(itemKey(facts), facts);
      continue;
    }
    const bytes = await store.read(facts);
    if (bytes !== null) hold(facts, bytes);
    else {
      onLost(facts);
      await store.remove(facts);
    }
  }

  return {
    admit: (upload) => void admit(upload),
    put: (upload, sealed) => inOrder(() => put(upload, sealed)),
    async forget(item) {
      const wasThere = wipe(item);
      // Again in its turn: what was on its way here before is to be forgotten, too.
      return (await inOrder(() => forget(item))) || wasThere;
    },
    follow: (owner, next) => inOrder(() => follow(owner, next)),
    data: (owner, name) => find({ kind: 'data', owner, name }),
    secret(owner, name) {
      const held = find({ kind: 'secret', owner, name });
      return held === null ? null : parseSecret(held.bytes);
    },
    list: (owner) =>
      [
        ...[...items.values()].map(({ facts }) => ({ ...facts, state: 'held' as const })),
        ...[...withheld.values()].map((facts) => ({ ...facts, state: 'withheld' as const })),
      ].filter((item) => item.owner === owner),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      for (const { facts } of items.values()) drop(facts);
    },
  };
}
