/**
 * The frames between the gate and a function process: `u32 length, u8 type, u32 call, u32 head length, head, body`, all big-endian.
 * The head is JSON (frame-head.ts), the body is raw. Pure; whoever reads bytes that are not this form must give up the other side.
 */
import { openByteCollector } from '../../base/byte-collector.ts';
import { LIMITS } from '../../base/limits.ts';
import { encodeHead, type Head, parseHead } from './frame-head.ts';

/** One frame; `call` is 0 where no call is meant. */
export interface Frame {
  readonly type: number;
  readonly call: number;
  readonly head: Head;
  readonly body: Uint8Array;
}

/** Type, call and head length: what every frame has after its length. */
const FIXED_BYTES = 9;
const LENGTH_BYTES = 4;
/** Room that is made for a frame at once, whatever of it is here: enough for a piece of a body. */
const FIRST_BYTES = LIMITS.pieceBytes + 1024;
const NOTHING: Uint8Array = new Uint8Array(0);

/** Encodes one frame. */
export function encodeFrame(type: number, call: number, head: Head, body: Uint8Array = NOTHING): Uint8Array {
  const headBytes = encodeHead(head);
  const frame = new Uint8Array(LENGTH_BYTES + FIXED_BYTES + headBytes.length + body.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, FIXED_BYTES + headBytes.length + body.length);
  view.setUint8(4, type);
  view.setUint32(5, call);
  view.setUint32(9, headBytes.length);
  frame.set(headBytes, LENGTH_BYTES + FIXED_BYTES);
  frame.set(body, LENGTH_BYTES + FIXED_BYTES + headBytes.length);
  return frame;
}

/** Parses what follows the length of a frame; gives null when it is malformed. */
function parseFrame(bytes: Uint8Array): Frame | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headBytes = view.getUint32(5);
  if (headBytes > bytes.length - FIXED_BYTES || headBytes > LIMITS.frameHeadBytes) return null;
  const headEnd = FIXED_BYTES + headBytes;
  const head = parseHead(bytes.subarray(FIXED_BYTES, headEnd));
  if (head === undefined) return null;
  return { type: view.getUint8(0), call: view.getUint32(1), head, body: bytes.subarray(headEnd) };
}

/** Takes chunks as they arrive and gives the frames they complete; null once the bytes are not frames, and from then on. */
export type FrameReader = (chunk: Uint8Array) => readonly Frame[] | null;

/** Opens a reader; a length over `maxBytes` is refused before any of those bytes are kept. */
export function openFrameReader(maxBytes: number): FrameReader {
  let wanted = LENGTH_BYTES;
  let kept = openByteCollector(wanted);
  let lengthRead = false;
  let broken = false;

  /** Reads a length, and gives up when it is none that a frame can have. */
  function readLength(bytes: Uint8Array, at: number): number {
    const length = new DataView(bytes.buffer, bytes.byteOffset + at, LENGTH_BYTES).getUint32(0);
    broken ||= length < FIXED_BYTES || length > maxBytes;
    return length;
  }

  /** Takes what follows a length, and gives up when it is malformed. */
  function take(whole: Uint8Array, frames: Frame[]): void {
    const frame = parseFrame(whole);
    if (frame === null) broken = true;
    else frames.push(frame);
  }

  /** Collects the pieces of a length or of a frame. */
  function collect(piece: Uint8Array, frames: Frame[]): void {
    if (!kept.add(piece) || kept.size < wanted) return;
    const whole = kept.bytes();
    wanted = lengthRead ? LENGTH_BYTES : readLength(whole, 0);
    if (lengthRead) take(whole, frames);
    lengthRead = !lengthRead;
    if (!broken) kept = openByteCollector(wanted, FIRST_BYTES);
  }

  return (chunk) => {
    const frames: Frame[] = [];
    for (let at = 0; at < chunk.length && !broken; ) {
      const start = at + LENGTH_BYTES;
      const between = !lengthRead && kept.size === 0;
      const length = between && start <= chunk.length ? readLength(chunk, at) : Number.POSITIVE_INFINITY;
      if (!broken && start + length <= chunk.length) {
        // Most frames come in one piece, and are copied out of it once.
        take(new Uint8Array(chunk.subarray(start, start + length)), frames);
        at = start + length;
      } else if (!broken) {
        const piece = chunk.subarray(at, at + wanted - kept.size);
        at += piece.length;
        collect(piece, frames);
      }
    }
    return broken ? null : frames;
  };
}
