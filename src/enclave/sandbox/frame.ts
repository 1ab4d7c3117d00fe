/**
 * The frames between the gate and a function process: `u32 length, u8 type, u32 call, u32 head length, head, body`, all big-endian.
 * The head is deterministic CBOR, the body is raw. Pure; whoever reads bytes that are not this form must give up the other side.
 */
import { openByteCollector } from '../../base/byte-collector.ts';
import { concatBytes } from '../../base/bytes.ts';
import { type Cbor, encodeCbor, parseCbor } from '../../base/cbor.ts';
import { LIMITS } from '../../base/limits.ts';

/** One frame; `call` is 0 where no call is meant. */
export interface Frame {
  readonly type: number;
  readonly call: number;
  readonly head: Cbor;
  readonly body: Uint8Array;
}

/** Type, call and head length: what every frame has after its length. */
const FIXED_BYTES = 9;
const LENGTH_BYTES = 4;
const NOTHING: Uint8Array = new Uint8Array(0);

/** Encodes one frame. */
export function encodeFrame(type: number, call: number, head: Cbor, body: Uint8Array = NOTHING): Uint8Array {
  const headBytes = encodeCbor(head);
  const fixed = new Uint8Array(LENGTH_BYTES + FIXED_BYTES);
  const view = new DataView(fixed.buffer);
  view.setUint32(0, FIXED_BYTES + headBytes.length + body.length);
  view.setUint8(4, type);
  view.setUint32(5, call);
  view.setUint32(9, headBytes.length);
  return concatBytes(fixed, headBytes, body);
}

/** Parses what follows the length of a frame; gives null when it is malformed. */
function parseFrame(bytes: Uint8Array): Frame | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headBytes = view.getUint32(5);
  if (headBytes > bytes.length - FIXED_BYTES || headBytes > LIMITS.frameHeadBytes) return null;
  const headEnd = FIXED_BYTES + headBytes;
  const head = parseCbor(bytes.subarray(FIXED_BYTES, headEnd), LIMITS.frameHeadBytes);
  if (head === null) return null;
  return { type: view.getUint8(0), call: view.getUint32(1), head: head.value, body: bytes.subarray(headEnd) };
}

/** Takes chunks as they arrive and gives the frames they complete; null once the bytes are not frames, and from then on. */
export type FrameReader = (chunk: Uint8Array) => readonly Frame[] | null;

/** Opens a reader; a length over `maxBytes` is refused before any of those bytes are kept. */
export function openFrameReader(maxBytes: number): FrameReader {
  let wanted = LENGTH_BYTES;
  let kept = openByteCollector(wanted);
  let lengthRead = false;
  let broken = false;

  /** Takes a whole length or a whole frame; false when it is malformed. */
  function take(whole: Uint8Array, frames: Frame[]): boolean {
    if (lengthRead) {
      const frame = parseFrame(whole);
      if (frame === null) return false;
      frames.push(frame);
      wanted = LENGTH_BYTES;
    } else {
      wanted = new DataView(whole.buffer, whole.byteOffset, LENGTH_BYTES).getUint32(0);
      if (wanted < FIXED_BYTES || wanted > maxBytes) return false;
    }
    lengthRead = !lengthRead;
    kept = openByteCollector(wanted);
    return true;
  }

  return (chunk) => {
    const frames: Frame[] = [];
    for (let at = 0; at < chunk.length && !broken; ) {
      const piece = chunk.subarray(at, at + wanted - kept.size);
      at += piece.length;
      if (kept.add(piece) && kept.size === wanted) broken = !take(kept.bytes(), frames);
    }
    return broken ? null : frames;
  };
}
