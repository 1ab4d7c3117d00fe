/**
 * The bytes of the pipe: a stream of frames that is cut anywhere gives the same frames as a second reader written as plainly as can be, and
 * ends where that one ends.
 */
import { isDeepStrictEqual } from 'node:util';
import { concatBytes, encodeUtf8 } from '../src/base/bytes.ts';
import { LIMITS } from '../src/base/limits.ts';
import { encodeFrame, type Frame, openFrameReader } from '../src/enclave/sandbox/frame.ts';
import { encodeHead, parseHead } from '../src/enclave/sandbox/frame-head.ts';
import { openChoices } from './choices.ts';
import { changeBytes, changeJson, type Mutator } from './mutate.ts';
import { createRandom } from './random.ts';
import { demand, type Target } from './target.ts';

const MAX_BYTES = 64 * 1024;
/** What stands before the stream says where it is cut. */
const CUT_BYTES = 12;
const FIXED_BYTES = 9;

interface Read {
  readonly frames: readonly Frame[];
  readonly isBroken: boolean;
}

/** Reads a stream that is all here. */
function readAll(stream: Uint8Array): Read {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  const frames: Frame[] = [];
  for (let at = 0; at + 4 <= stream.length; ) {
    const length = view.getUint32(at);
    if (length < FIXED_BYTES || length > MAX_BYTES) return { frames, isBroken: true };
    if (at + 4 + length > stream.length) break;
    const headBytes = view.getUint32(at + 9);
    const headAt = at + 4 + FIXED_BYTES;
    const end = at + 4 + length;
    const head =
      headAt + headBytes > end || headBytes > LIMITS.frameHeadBytes
        ? undefined
        : parseHead(stream.subarray(headAt, headAt + headBytes));
    if (head === undefined) return { frames, isBroken: true };
    const body = Uint8Array.from(stream.subarray(headAt + headBytes, end));
    frames.push({ type: view.getUint8(at + 4), call: view.getUint32(at + 5), head, body });
    at = end;
  }
  return { frames, isBroken: false };
}

/** Gives a stream to a reader in the pieces that the cuts say, each of which is overwritten as soon as it was given. */
function readPieces(stream: Uint8Array, cuts: Uint8Array): Read {
  const choices = openChoices(cuts);
  const read = openFrameReader(MAX_BYTES);
  const frames: Frame[] = [];
  let isBroken = false;
  for (let at = 0; at < stream.length; ) {
    const most = choices.isOver() ? stream.length : choices.pick([1, 2, 5, 16, 300, stream.length]);
    const piece = Uint8Array.from(stream.subarray(at, at + 1 + choices.below(most)));
    at += piece.length;
    const some = read(piece);
    piece.fill(0xee);
    demand(some === null || !isBroken, 'a reader that gave up takes nothing any more');
    if (some === null) isBroken = true;
    else frames.push(...some);
  }
  return { frames, isBroken };
}

function readStream(input: Uint8Array): string {
  const stream = input.subarray(CUT_BYTES);
  const expected = readAll(stream);
  const read = readPieces(stream, input.subarray(0, CUT_BYTES));
  demand(read.isBroken === expected.isBroken, 'a stream is broken, or not, however it is cut');
  const whole = expected.isBroken ? expected.frames.slice(0, read.frames.length) : expected.frames;
  demand(isDeepStrictEqual(read.frames, whole), 'a stream gives the same frames however it is cut');
  for (const { type, call, head, body } of read.frames) {
    const [again] = openFrameReader(MAX_BYTES)(encodeFrame(type, call, head, body)) ?? [];
    demand(isDeepStrictEqual(again, { type, call, head, body }), 'a frame that was read can be written');
  }
  if (expected.isBroken) return `refused behind ${Math.min(expected.frames.length, 3)} frames or more`;
  return `accepted: ${Math.min(expected.frames.length, 3)} frames or more`;
}

/** Changes one frame of a stream, and makes its lengths right again or wrong in one place. */
const changeFrame: Mutator = (input, random, others) => {
  const cuts = input.subarray(0, CUT_BYTES);
  const frames = [...readAll(input.subarray(CUT_BYTES)).frames];
  if (frames.length === 0) return changeBytes(input, random, others);
  const at = random.below(frames.length);
  const frame = frames[at];
  if (frame === undefined) return input;
  let bytes = encodeFrame(frame.type, frame.call, frame.head, frame.body);
  switch (random.below(6)) {
    case 0: {
      // Any JSON, also what no head may be: written as it is.
      const head = changeJson(encodeHead(frame.head), random, others);
      bytes = concatBytes(bytes.subarray(0, 4 + FIXED_BYTES), head, frame.body);
      const view = new DataView(bytes.buffer);
      view.setUint32(0, FIXED_BYTES + head.length + frame.body.length);
      view.setUint32(9, head.length);
      break;
    }
    case 1:
      bytes = encodeFrame(random.below(40), random.below(3), frame.head, random.bytes(random.below(600)));
      break;
    case 2:
    case 3: {
      const place = random.pick([0, 9]);
      const view = new DataView(bytes.buffer);
      const near = view.getUint32(place) + random.below(5) - 2;
      const value = random.chance(0.6)
        ? near
        : random.pick([0, 8, 9, MAX_BYTES, MAX_BYTES + 1, LIMITS.frameHeadBytes, 2 ** 31, 2 ** 32 - 1]);
      view.setUint32(place, value);
      break;
    }
    case 4:
      bytes = concatBytes(bytes, bytes);
      break;
    default:
      bytes = bytes.subarray(0, random.below(bytes.length));
  }
  const encoded = frames.map(({ type, call, head, body }) => encodeFrame(type, call, head, body));
  encoded[at] = bytes;
  return concatBytes(cuts, ...encoded);
};

/** Changes where a stream is cut. */
const changeCuts: Mutator = (input, random) => concatBytes(random.bytes(CUT_BYTES), input.subarray(CUT_BYTES));

function makeStreams(): readonly Uint8Array[] {
  const random = createRandom('streams');
  const heads = [{}, 0, [1, 2], { status: 200, headers: [['a', 'b']] }, { text: 'é'.repeat(40) }, null, [[[[true]]]]];
  return Array.from({ length: 24 }, (_, i) => {
    const frames = Array.from({ length: 1 + (i % 6) }, (__, n) =>
      encodeFrame(16 + random.below(20), n, random.pick(heads), random.bytes(random.pick([0, 0, 1, 40, 900]))),
    );
    return concatBytes(random.bytes(CUT_BYTES), ...frames);
  });
}

/** The target, whose inputs are cuts and a stream. */
export const FRAME_TARGET: Target = {
  name: 'frames',
  share: 10,
  seeds: [...makeStreams(), concatBytes(new Uint8Array(CUT_BYTES), encodeUtf8('GET / HTTP/1.1'))],
  mutators: [changeFrame, changeFrame, changeFrame, changeCuts, changeBytes],
  run: readStream,
};
