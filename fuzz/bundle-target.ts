/** What a child is told to load and to run, how a program says it ended, and manifests of several files: a value that can be written again, or a typed refusal. */
import { isDeepStrictEqual } from 'node:util';
import { concatBytes, encodeUtf8, parseUtf8 } from '../src/base/bytes.ts';
import { isFileName, parseManifest, writeManifest } from '../src/enclave/function-manifest.ts';
import { type Bundle, parseBundle, writeBundle } from '../src/enclave/sandbox/bundle.ts';
import { parseCommand, parseExit, writeCommand, writeExit } from '../src/enclave/sandbox/command-messages.ts';
import { encodeFrame, type Frame, openFrameReader } from '../src/enclave/sandbox/frame.ts';
import { encodeHead, isHeadMap } from '../src/enclave/sandbox/frame-head.ts';
import { FRAME } from '../src/enclave/sandbox/messages.ts';
import { FunctionError } from '../src/errors.ts';
import { changeBytes, changeJson, type Mutator } from './mutate.ts';
import { demand, nameOf, type Target } from './target.ts';

const MAX_BYTES = 1024 * 1024;
const HEAD_AT = 13;

function frameOf(bytes: Uint8Array): Frame | null {
  const [frame, ...more] = openFrameReader(MAX_BYTES)(bytes) ?? [];
  return frame === undefined || more.length > 0 ? null : frame;
}

const same = (read: unknown, again: unknown): void =>
  demand(isDeepStrictEqual(read, again), 'what was read can be written and read again');

/** Reads a frame as each side reads those of its kind. */
function readFrame(input: Uint8Array): string {
  const frame = frameOf(input);
  if (frame === null) return 'refused: no frame';
  const { type, head, body } = frame;
  if (type === FRAME.load) {
    const parsed = parseBundle(frame);
    if (parsed === null) return 'refused: no bundle';
    const again = frameOf(writeBundle(parsed.bundle, parsed.outputBytes));
    const isReadOnly = parsed.bundle.mounts.every(({ writable }) => !writable);
    // What a function may read is written as what it may not change.
    if (isReadOnly) same(again === null ? null : parseBundle(again), parsed);
    return 'accepted: a bundle';
  }
  if (type === FRAME.call) {
    const command = parseCommand(head, body);
    if (command === null) return 'refused: no command';
    const again = writeCommand(command);
    same(parseCommand(again.head, again.body), command);
    return 'accepted: a command';
  }
  const exit = isHeadMap(head) ? parseExit(head, body, 2) : null;
  if (exit === null) return 'refused: no exit';
  const again = writeExit(exit);
  if (isHeadMap(again.head)) same(parseExit(again.head, again.body, 2), exit);
  return 'accepted: an exit';
}

/** Changes the head of a frame, and puts its lengths right. */
const changeHead: Mutator = (input, random, others) => {
  const frame = frameOf(input);
  if (frame === null) return changeBytes(input, random, others);
  const head = changeJson(encodeHead(frame.head), random, others);
  const out = concatBytes(input.subarray(0, HEAD_AT), head, frame.body);
  const view = new DataView(out.buffer);
  view.setUint32(0, out.length - 4);
  view.setUint32(9, head.length);
  return out;
};

function makeFrames(): readonly Uint8Array[] {
  const items = [
    { kind: 'directory', path: 'd' },
    { kind: 'file', path: 'd/f', bytes: encodeUtf8('content') },
    { kind: 'link', path: 'l', target: 'd' },
  ] as const;
  const mounts = [
    { path: '/', writable: false, items },
    { path: '/data', writable: false, items: [] },
  ];
  const bundle: Bundle = {
    kind: 'bytes',
    instances: { kind: 'pooled', calls: 9 },
    rules: { memoryPages: 16, gas: null },
    mounts,
    scratchBytes: 1000,
    env: [['A', 'b']],
    bytes: encodeUtf8('wasm'),
  };
  const command = writeCommand({ args: ['x', 'y'], env: [['A', 'b']], stdin: encodeUtf8('in'), mounts });
  const changes = [[...items, { kind: 'removed', path: 'e' } as const], []];
  const exit = writeExit({ code: 3, stdout: encodeUtf8('out'), stderr: encodeUtf8('err'), changes });
  return [
    writeBundle(bundle, 100),
    writeBundle({ ...bundle, kind: 'http', instances: { kind: 'fresh' }, rules: { memoryPages: 1, gas: 5 } }, 0),
    encodeFrame(FRAME.call, 1, command.head, command.body),
    encodeFrame(FRAME.exit, 1, exit.head, exit.body),
  ];
}

function readManifest(input: Uint8Array): string {
  try {
    const manifest = parseManifest(input, 'x');
    demand(writeManifest(manifest) === parseUtf8(input), 'a manifest has one spelling');
    demand(Object.keys(manifest.files).every(isFileName), 'a manifest names files below its folder only');
    return `accepted: ${Math.min(Object.keys(manifest.files).length, 3)} files or more`;
  } catch (error) {
    if (!(error instanceof FunctionError) || error.code !== 'ERR_FUNCTION_INVALID') throw error;
    return `refused: ${nameOf(error.message.slice(error.message.indexOf(':') + 2))}`;
  }
}

const digest = (digit: string): `sha256:${string}` => `sha256:${digit.repeat(64)}`;
const MANIFESTS = [
  { 'main.wasm': digest('a') },
  { 'main.wasm': digest('a'), 'data/x.json': digest('b'), 'data/y': digest('c') },
].map((files) => encodeUtf8(writeManifest({ entry: 'main.wasm', type: 'text/plain', files })));

/** The targets, whose inputs are frames and manifests. */
export const BUNDLE_TARGETS: readonly Target[] = [
  { name: 'bundles', share: 8, seeds: makeFrames(), mutators: [changeHead, changeHead, changeBytes], run: readFrame },
  { name: 'manifests', share: 4, seeds: MANIFESTS, mutators: [changeJson, changeJson, changeBytes], run: readManifest },
];
