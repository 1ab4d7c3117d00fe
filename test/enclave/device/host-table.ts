/** The certificate table that a host hands to its guest, as DER or as PEM, in the order of real ones: root first. */
import { X509Certificate } from 'node:crypto';
import { concatBytes, encodeBase64, encodeUtf8, parseHex } from '../../../src/base/bytes.ts';

const GUIDS = {
  vcek: '63da758de6644564adc5f4b93be8accd',
  vlek: 'a8074bc2a25a483eaae639c045a0b8a1',
  ask: '4ab7b379bbac4fe4a02f05aef327c782',
  ark: 'c0b406a4a803495297433fb6014cd0ae',
  crl: '92f81bc358114d3d97ffd19f88dc67ea',
};

export interface HostCertificates {
  /** DER: VEK, ASK or ASVK, ARK. */
  readonly certificates: readonly Uint8Array[];
  readonly crl: Uint8Array | null;
}

function pemOf(label: string, der: Uint8Array): Uint8Array {
  const lines = encodeBase64(der).replaceAll(/.{64}(?=.)/g, '$&\n');
  return encodeUtf8(`-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`);
}

/** Writes a table; `form` is that of its payloads. */
export function encodeHostTable({ certificates, crl }: HostCertificates, form: 'DER' | 'PEM'): Uint8Array {
  const entries = certificates.map((der) => {
    const subject = new X509Certificate(der).subject;
    const kind = (/CN=SEV-VCEK$/m.test(subject) && 'vcek') || (/CN=SEV-VLEK$/m.test(subject) && 'vlek');
    const guid = GUIDS[kind || (/CN=ARK-/m.test(subject) ? 'ark' : 'ask')];
    return { guid, payload: form === 'DER' ? der : pemOf('CERTIFICATE', der) };
  });
  if (crl !== null) entries.push({ guid: GUIDS.crl, payload: form === 'DER' ? crl : pemOf('X509 CRL', crl) });
  entries.reverse();
  let offset = (entries.length + 1) * 24;
  const header = entries.map(({ guid, payload }) => {
    const entry = new Uint8Array(24);
    entry.set(parseHex(guid) ?? new Uint8Array());
    const view = new DataView(entry.buffer);
    view.setUint32(16, offset, true);
    view.setUint32(20, payload.length, true);
    offset += payload.length;
    return entry;
  });
  return concatBytes(...header, new Uint8Array(24), ...entries.map(({ payload }) => payload));
}
