/**
 * What an owner loads into a worker and takes back: sealed to the key that the appraised claims name, for the owner's policy that they name, signed
 * by the owner's keys. What is sealed here no one else than that run of that worker can open.
 */
import { parseKeyConfiguration } from '../attestation/key-configuration.ts';
import { encodeUtf8 } from '../base/bytes.ts';
import { formatDigest, sha256 } from '../base/digest.ts';
import type { SigningKey } from '../base/ed25519.ts';
import { SecretError } from '../errors.ts';
import { sealTo } from '../io/hpke.ts';
import { type UploadKind, uploadContext } from '../policy/sealed-upload.ts';
import { signStatement } from '../policy/signing/jws.ts';
import { stateForWorker, type WorkerStatement } from '../policy/signing/statement.ts';
import type { OwnerAnswer, OwnerChannel } from './owner-channel.ts';

/** Who asks, and for what name of the policy. */
export interface OwnedName {
  readonly owner: string;
  readonly name: string;
  /** As many of the owner's keys as the policy needs. */
  readonly keys: readonly SigningKey[];
  readonly now: Date;
}

async function ask(
  channel: OwnerChannel,
  kind: Exclude<WorkerStatement['kind'], 'revoke'>,
  { owner, name, keys, now }: OwnedName,
  content: { readonly signed: Uint8Array; readonly payload: Uint8Array },
): Promise<OwnerAnswer> {
  const about = { kind, owner, name, digest: formatDigest(sha256(content.signed)), size: content.signed.length };
  const statement = stateForWorker(about, channel.claims.instance, now);
  const signatures = await Promise.all(keys.map((key) => signStatement(statement, key)));
  return await channel.request({ kind, statement, signatures, payload: content.payload });
}

/** Seals a content for the worker at the other end, under the owner's policy that it claims. @throws SecretError ERR_SECRET_SEAL */
async function seal({ claims }: OwnerChannel, kind: UploadKind, { owner, name }: OwnedName, content: Uint8Array) {
  const policy = Object.hasOwn(claims.policies, owner) ? claims.policies[owner] : undefined;
  if (policy === undefined)
    throw new SecretError(
      'ERR_SECRET_SEAL',
      `the worker has no policy of ${owner} in force, so nothing is sealed for it`,
    );
  const key = parseKeyConfiguration(claims.hpke);
  if (key === null) throw new SecretError('ERR_SECRET_SEAL', 'the worker names no key that this client seals to');
  const target = { kind, owner, name, instance: claims.instance, policy: formatDigest(policy) };
  return await sealTo(key, uploadContext(target), content);
}

/**
 * Loads data into the worker: it is announced with what the owner signed, and follows.
 * @throws SecretError ERR_SECRET_SEAL, and as `OwnerChannel.request`
 */
export async function putData(channel: OwnerChannel, owned: OwnedName, content: Uint8Array): Promise<OwnerAnswer> {
  const signed = await seal(channel, 'data', owned, content);
  await ask(channel, 'data', owned, { signed, payload: new Uint8Array(0) });
  return await channel.sendContent(signed);
}

/**
 * Hands the worker a secret.
 * @throws SecretError ERR_SECRET_SEAL, and as `OwnerChannel.request`
 */
export async function putSecret(channel: OwnerChannel, owned: OwnedName, content: Uint8Array): Promise<OwnerAnswer> {
  const signed = await seal(channel, 'secret', owned, content);
  return await ask(channel, 'secret', owned, { signed, payload: signed });
}

/**
 * Takes data or a secret back.
 * @throws as `OwnerChannel.request`
 */
export async function forget(channel: OwnerChannel, kind: UploadKind, owned: OwnedName): Promise<OwnerAnswer> {
  const word = encodeUtf8(kind);
  return await ask(channel, 'forget', owned, { signed: word, payload: word });
}
