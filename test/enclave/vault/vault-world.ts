/** A vault with owners whose policies a test can change, and what an owner's client would send to it. */
import { webcrypto } from 'node:crypto';
import { join } from 'node:path';
import { formatDigest, sha256 } from '../../../src/base/digest.ts';
import { openSealedFiles } from '../../../src/enclave/store/sealed-files.ts';
import { openSealedRows } from '../../../src/enclave/store/sealed-rows.ts';
import { type ItemName, openItemStore } from '../../../src/enclave/vault/item-store.ts';
import { openVault, type Upload, type Vault } from '../../../src/enclave/vault/vault.ts';
import { type HpkeKey, sealTo } from '../../../src/io/hpke.ts';
import { openRowFile } from '../../../src/io/row-file.ts';
import { parseOwnerPolicy } from '../../../src/policy/parse.ts';
import type { OwnerPolicy } from '../../../src/policy/policy.ts';
import { uploadContext } from '../../../src/policy/sealed-upload.ts';

export const INSTANCE: Uint8Array = new Uint8Array(16).fill(3);
const MACHINE = `machine: { products: [Genoa], tcb: any, smt: any, images: ["${'00'.repeat(48)}"] }`;

/** Parses a policy with these sections; `machine` is there unless said otherwise. */
export function vaultPolicy(
  sections: string,
  { owner = 'hospital-a', machine = MACHINE }: { readonly owner?: string; readonly machine?: string } = {},
): OwnerPolicy {
  const text = `anchorhold: owner-policy/1
owner: ${owner}
version: 1
valid: { from: 2020-01-01, until: 2099-01-01 }
${machine}
${sections}`;
  return parseOwnerPolicy(text, { file: `${owner}.yaml`, references: () => null });
}

async function makeKey(): Promise<HpkeKey> {
  const pair = (await webcrypto.subtle.generateKey('X25519', false, ['deriveBits'])) as webcrypto.CryptoKeyPair;
  return {
    publicKey: new Uint8Array(await webcrypto.subtle.exportKey('raw', pair.publicKey)),
    privateKey: pair.privateKey,
  };
}

export interface VaultWorld {
  readonly vault: Vault;
  readonly policies: Map<string, OwnerPolicy>;
  readonly lost: ItemName[];
  /** Seals for this run, unless the target says otherwise, and says what an owner would sign. */
  seal(item: ItemName, content: Uint8Array, other?: object): Promise<Sealed>;
  put(item: ItemName, content: Uint8Array): Promise<void>;
  end(): void;
}

export interface Sealed {
  readonly upload: Upload;
  readonly sealed: Uint8Array;
}

/** Opens a vault over a folder. */
export async function openVaultWorld(folder: string, policies: readonly OwnerPolicy[]): Promise<VaultWorld> {
  const storageKey = new Uint8Array(32).fill(7);
  const rows = openSealedRows(openRowFile(join(folder, 'rows.db'), { rows: 100, valueBytes: 4096 }), storageKey);
  const files = await openSealedFiles(join(folder, 'files'), storageKey);
  const inForce = new Map(policies.map((policy) => [policy.owner, policy]));
  const lost: ItemName[] = [];
  const key = await makeKey();
  const vault = await openVault({
    key,
    instance: INSTANCE,
    policyOf: (owner) => inForce.get(owner) ?? null,
    store: await openItemStore({ rows, files }),
    onLost: ({ kind, owner, name }) => lost.push({ kind, owner, name }),
  });
  async function seal(item: ItemName, content: Uint8Array, other: object = {}): Promise<Sealed> {
    const policy = inForce.get(item.owner)?.digest ?? `sha256:${'0'.repeat(64)}`;
    const target = { ...item, instance: INSTANCE, policy, ...other };
    const sealed = await sealTo(key.publicKey, uploadContext(target), content);
    return { sealed, upload: { ...item, digest: formatDigest(sha256(sealed)), size: sealed.length } };
  }
  return {
    vault,
    policies: inForce,
    lost,
    seal,
    async put(item, content) {
      const { upload, sealed } = await seal(item, content);
      await vault.put(upload, sealed);
    },
    end() {
      vault.close();
      rows.close();
    },
  };
}
