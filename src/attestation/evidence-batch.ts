/**
 * Encodes the evidence of everyone under one report: what all of them share is encoded once, and only place and path for each.
 * The bytes are those of `encodeEvidence`; the order of the keys is that of deterministic CBOR. [RFC 8949 4.2.1]
 */
import { concatBytes } from '../base/bytes.ts';
import { type Cbor, encodeCbor } from '../base/cbor.ts';
import { EVIDENCE_FORMAT, type Evidence } from './evidence.ts';

/** A map of eight pairs. [RFC 8949 3.1] */
const MAP_OF_EIGHT = Uint8Array.of(0xa8);

function encodePairs(pairs: readonly (readonly [string, Cbor])[]): Uint8Array {
  return concatBytes(...pairs.flatMap(([key, value]) => [encodeCbor(key), encodeCbor(value)]));
}

const PATH_KEY = encodeCbor('path');
const INDEX_KEY = encodeCbor('index');

/** Gives the encoder of one batch, which takes a place in the tree and its path and gives what `encodeEvidence` would. */
export function openEvidenceBatch(
  shared: Omit<Evidence, 'index' | 'path'>,
): (index: number, path: readonly Uint8Array[]) => Uint8Array<ArrayBuffer> {
  const { crl, size, claims, report, certificates } = shared;
  const head = concatBytes(MAP_OF_EIGHT, encodePairs([['crl', crl]]), PATH_KEY);
  const middle = concatBytes(encodePairs([['size', size]]), INDEX_KEY);
  const tail = encodePairs([
    ['claims', claims],
    ['format', EVIDENCE_FORMAT],
    ['report', report],
    ['certificates', certificates],
  ]);
  return (index, path) => concatBytes(head, encodeCbor(path), middle, encodeCbor(index), tail);
}
