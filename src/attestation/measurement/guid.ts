/** GUIDs as firmware stores them: the first three groups are little-endian, the rest stands in order. [RFC 9562 4] */
import { parseHex } from '../../base/bytes.ts';

/** Writes a GUID in text form as the hex of its 16 stored bytes, for comparing with bytes that were read. */
export function storedGuid(text: string): string {
  const [a = '', b = '', c = '', d = '', e = ''] = text.split('-');
  const turned = [a, b, c].map((group) => (group.match(/../g) ?? []).reverse().join(''));
  return [...turned, d, e].join('');
}

/** Encodes a GUID in text form as its 16 stored bytes. */
export function encodeGuid(text: string): Uint8Array<ArrayBuffer> {
  return parseHex(storedGuid(text), 16) ?? new Uint8Array(16);
}
