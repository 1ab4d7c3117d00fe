/**
 * What owners' signed statements about data and secrets do. A secret comes with its statement. Data may, too; where nothing comes along, it is
 * waited for by its digest and follows as it is, so that it need be neither text nor small.
 */
import { parseUtf8 } from '../../base/bytes.ts';
import { formatDigest, sha256 } from '../../base/digest.ts';
import { PolicyError, TransportError } from '../../errors.ts';
import type { UploadKind } from '../../policy/sealed-upload.ts';
import type { NoticeContent, NoticeState } from '../../policy/signing/notice.ts';
import type { WorkerStatement } from '../../policy/signing/statement.ts';
import type { StatementHandler } from '../owner/owner-door.ts';
import type { PendingUploads } from './pending-uploads.ts';
import type { Upload, Vault } from './vault.ts';

export interface VaultHandlers {
  readonly data: StatementHandler;
  readonly secret: StatementHandler;
  readonly forget: StatementHandler;
}

/** Gives what is held under a name, as notices write it. */
function stateOf(vault: Vault, { kind, owner, name }: Pick<Upload, 'kind' | 'owner' | 'name'>): NoticeState | null {
  const item = vault.list(owner).find((listed) => listed.kind === kind && listed.name === name);
  return item === undefined ? null : { version: null, digest: item.content };
}

/** Takes a content and tells what that changed. @throws as `Vault.put` */
export async function putContent(vault: Vault, upload: Upload, sealed: Uint8Array): Promise<NoticeContent> {
  const { kind, owner, name } = upload;
  const before = stateOf(vault, upload);
  await vault.put(upload, sealed);
  return { kind, owner, name, before, after: stateOf(vault, upload) };
}

/** Reads what a statement of the kind `forget` is about: it comes along as one word. */
function readForgotten({ digest, size }: WorkerStatement, payload: Uint8Array): UploadKind {
  const word = parseUtf8(payload);
  const isSigned = payload.length === size && formatDigest(sha256(payload)) === digest;
  if (!isSigned || (word !== 'data' && word !== 'secret'))
    throw new PolicyError('ERR_POLICY_STATEMENT', 'what is to be forgotten is the signed word "data" or "secret"');
  return word;
}

/** Opens the handlers of a vault. */
export function openVaultHandlers(vault: Vault, pending: PendingUploads, now: () => Date): VaultHandlers {
  const uploadOf = (kind: UploadKind, { owner, name, digest, size }: WorkerStatement): Upload => {
    return { kind, owner, name, digest, size };
  };
  return {
    secret: (statement, payload) => putContent(vault, uploadOf('secret', statement), payload),
    async data(statement, payload) {
      const upload = uploadOf('data', statement);
      if (payload.length > 0) return await putContent(vault, upload, payload);
      vault.admit(upload);
      if (!pending.add(upload, new Date(statement.expires), now()))
        throw new TransportError('ERR_TRANSPORT_OVERLOADED', 'too many contents are waited for');
      const before = stateOf(vault, upload);
      return { kind: 'data', owner: upload.owner, name: upload.name, before, after: before };
    },
    async forget(statement, payload) {
      const item = { kind: readForgotten(statement, payload), owner: statement.owner, name: statement.name };
      const before = stateOf(vault, item);
      await vault.forget(item);
      return { ...item, kind: 'forget', before, after: stateOf(vault, item) };
    },
  };
}
