/**
 * Signs notices with the worker's TLS key: the claims vouch for no other. What TLS signs begins with 64 blanks, and what is signed here with the header
 * of a notice, so neither can stand for the other. [RFC 8446 4.4.3; RFC 7518 3.4]
 */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { encodeHex } from '../../base/bytes.ts';
import { formatSignedNotice, makeNotice, type NoticeContent, noticeInput } from '../../policy/signing/notice.ts';
import type { AuditLog } from '../audit.ts';
import type { Identity } from '../identity.ts';

/** Opens the signer of a worker's notices; each states the audit log as it is then. */
export function openNoticeSigner(
  { privateKeyPem, instance }: Identity,
  audit: Pick<AuditLog, 'checkpoint'>,
): (content: NoticeContent, time: Date) => string {
  const key = createPrivateKey(privateKeyPem);
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64');
  return (content, time) => {
    const { size, root } = audit.checkpoint();
    const log = { size, root: encodeHex(root) };
    const notice = makeNotice(content, { instance: encodeHex(instance), time: time.toISOString(), log });
    return formatSignedNotice(notice, sign('sha256', noticeInput(notice), { key, dsaEncoding: 'ieee-p1363' }), spki);
  };
}
