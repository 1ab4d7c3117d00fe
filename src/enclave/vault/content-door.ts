/**
 * The door for contents that owners have signed for: bytes as they are, known by the digest in the head of the request, and read only up to the size
 * that was signed. It needs no signature of its own. Every content is written down, with its name and never with what it is. [RFC 9530 2]
 */
import { encodeUtf8 } from '../../base/bytes.ts';
import { EnclaveError, PolicyError, TransportError } from '../../errors.ts';
import type { NoticeContent } from '../../policy/signing/notice.ts';
import type { AuditLog } from '../audit.ts';
import type { PresentedRequest } from '../callers/caller.ts';
import { problemOfError } from '../problem.ts';
import type { WholeResponse } from '../sandbox/sandbox.ts';
import { putContent } from './owner-handlers.ts';
import type { PendingUploads } from './pending-uploads.ts';
import type { Upload, Vault } from './vault.ts';

export interface ContentDoorOptions {
  readonly vault: Vault;
  readonly pending: PendingUploads;
  readonly audit: AuditLog;
  readonly signNotice: (content: NoticeContent, time: Date) => string;
  readonly now: () => Date;
}

export type ContentRequest = Pick<PresentedRequest, 'method' | 'headers'> & {
  readBody(maxBytes: number): Promise<Uint8Array>;
};

/** Contents on their way at the same time: each is held whole. */
const MAX_CONTENTS = 2;

/** Opens the door: gives what answers one request; a refusal is an answer, too. */
export function openContentDoor(options: ContentDoorOptions): (request: ContentRequest) => Promise<WholeResponse> {
  const { vault, pending, audit, now } = options;
  let underWay = 0;

  function write({ owner, name }: Upload, bytesIn: number, reason: string): void {
    const outcome = reason === 'ok' ? 'allow' : 'deny';
    const fields = { caller: null, function: '', rule: '', target: `data ${name}`, bytesIn, bytesOut: 0, reason };
    audit.append({ time: now(), kind: 'change', outcome, owner, ...fields });
  }

  async function take(upload: Upload, request: ContentRequest): Promise<WholeResponse> {
    let bytesIn = 0;
    try {
      const sealed = await request.readBody(upload.size);
      bytesIn = sealed.length;
      const done = await putContent(vault, upload, sealed);
      write(upload, bytesIn, 'ok');
      const headers = [
        ['content-type', 'application/json'],
        ['cache-control', 'no-store'],
      ] as const;
      return { status: 200, headers, body: encodeUtf8(options.signNotice(done, now())) };
    } catch (error) {
      write(upload, bytesIn, error instanceof EnclaveError ? error.code : 'ERR_FUNCTION_UNAVAILABLE');
      throw error;
    }
  }

  async function admit(request: ContentRequest): Promise<WholeResponse> {
    if (request.method !== 'POST') throw new PolicyError('ERR_POLICY_REQUEST', 'contents are sent with POST');
    if (underWay >= MAX_CONTENTS)
      throw new TransportError('ERR_TRANSPORT_OVERLOADED', 'other contents are on their way');
    const fields = request.headers.filter(([name]) => name === 'content-digest').map(([, value]) => value);
    const upload = fields.length === 1 ? pending.take(fields[0] ?? '', now()) : null;
    if (upload === null)
      throw new PolicyError(
        'ERR_POLICY_STATEMENT',
        'no owner signed for a content with the digest that the head names',
      );
    underWay += 1;
    try {
      return await take(upload, request);
    } finally {
      underWay -= 1;
    }
  }

  return (request) => admit(request).catch(problemOfError);
}
