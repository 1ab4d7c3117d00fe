/**
 * A throw-away process: takes one component over the pipe, has jco make glue for it, answers with the bundle and ends. It may read
 * its own source and jco, and nothing else; what it answers is only ever loaded in the function's own process.
 */
import { Socket } from 'node:net';
import { $init, generate } from '@bytecodealliance/jco-transpile/component';
import { parseUtf8 } from '../../base/bytes.ts';
import { isCborMap } from '../../base/cbor.ts';
import { LIMITS } from '../../base/limits.ts';
import { type Bundle, writeBundle } from './bundle.ts';
import { encodeFrame, type Frame, openFrameReader } from './frame.ts';
import { FRAME } from './messages.ts';

/** The imports that may suspend a guest; everything else is answered at once, from buffers. */
const WAITING_IMPORTS = ['wasi:io/poll#poll', 'wasi:io/poll#[method]pollable.block'];

/** The exports that are called; through them a waiting import may suspend. */
const CALLED_EXPORTS = ['wasi:http/incoming-handler#handle', 'wasi:cli/run#run'];

/** JSPI: the imports that wait suspend the guest, the exports that are called give promises; everything else stays synchronous. */
function transpile(component: Uint8Array, kind: 'http' | 'command'): Bundle {
  const { files } = generate(component, {
    name: 'function',
    map: [],
    instantiation: { tag: 'async' },
    asyncMode: { tag: 'jspi', val: { imports: WAITING_IMPORTS, exports: CALLED_EXPORTS } },
    noTypescript: true,
    noNodejsCompat: true,
    noNamespacedExports: false,
    base64Cutoff: 0,
  });
  const glue = files.find(([name]) => name === 'function.js');
  const text = glue === undefined ? null : parseUtf8(glue[1]);
  if (text === null) throw new TypeError('jco made no glue');
  const modules = files.filter(([name]) => name.endsWith('.wasm')).map(([name, bytes]) => ({ name, bytes }));
  return { kind, glue: text, modules };
}

async function answer(frame: Frame): Promise<Uint8Array> {
  try {
    const kind = isCborMap(frame.head) ? frame.head['kind'] : undefined;
    if (kind !== 'http' && kind !== 'command') throw new TypeError('unknown kind');
    await $init;
    const { head, body } = writeBundle(transpile(frame.body, kind), 0);
    return encodeFrame(FRAME.load, 0, head, body);
  } catch (e) {
    return encodeFrame(FRAME.refused, 0, { text: String(e) });
  }
}

const pipe = new Socket({ fd: 3, readable: true, writable: true });
const read = openFrameReader(LIMITS.functionBytes + LIMITS.frameHeadBytes);
pipe.on('data', (chunk: Buffer) => {
  const frame = read(chunk)?.[0];
  if (frame !== undefined) void answer(frame).then((bytes) => pipe.end(bytes, () => process.exit(0)));
});
pipe.on('end', () => process.exit(1));
