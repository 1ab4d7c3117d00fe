/** Frames and what is said in them: they round-trip, and any bytes give a value or null. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, encodeUtf8 } from '../../../src/base/bytes.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import { type Bundle, parseBundle, writeBundle } from '../../../src/enclave/sandbox/bundle.ts';
import { parseExit } from '../../../src/enclave/sandbox/command-messages.ts';
import { encodeTree } from '../../../src/enclave/sandbox/files/tree-image.ts';
import { encodeFrame, type Frame, openFrameReader } from '../../../src/enclave/sandbox/frame.ts';
import { type Head, type HeadMap, parseHead } from '../../../src/enclave/sandbox/frame-head.ts';
import {
  FRAME,
  parseChildMessage,
  parseRequestHead,
  writeEgressHead,
  writeRequestHead,
  writeResponseHead,
} from '../../../src/enclave/sandbox/messages.ts';
import { bundleOf } from './guests.ts';

const CAP = 4096;
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const body = fc.uint8Array({ maxLength: 64 });
const EMPTY = new Uint8Array(0);

/** Feeds bytes in pieces of the given size. */
function feed(bytes: Uint8Array, size: number): ReturnType<ReturnType<typeof openFrameReader>>[] {
  const read = openFrameReader(CAP);
  const out: ReturnType<typeof read>[] = [];
  for (let i = 0; i < bytes.length; i += size) out.push(read(bytes.subarray(i, i + size)));
  return out;
}

describe('frames', () => {
  it('come back as they were sent, however the bytes are cut', () => {
    const frame = fc.record({ type: fc.integer({ min: 0, max: 255 }), call: u32, text: fc.string(), body });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 4 }), fc.integer({ min: 1, max: 64 }), (frames, size) => {
        const bytes = concatBytes(...frames.map((f) => encodeFrame(f.type, f.call, { text: f.text }, f.body)));
        const read = feed(bytes, size).flatMap((part) => part ?? []);
        expect(read.map((f) => [f.type, f.call, { ...(f.head as object) }, Uint8Array.from(f.body)])).toEqual(
          frames.map((f) => [f.type, f.call, { text: f.text }, f.body]),
        );
      }),
    );
  });

  it('are null for ever once the bytes are not frames', () => {
    const cases: readonly Uint8Array[] = [
      Uint8Array.of(0, 0, 0, 8),
      Uint8Array.of(0xff, 0xff, 0xff, 0xff),
      Uint8Array.of(0, 0, 0x10, 1),
      // A head longer than the frame, and a head that is not JSON.
      Uint8Array.of(0, 0, 0, 9, 18, 0, 0, 0, 1, 0, 0, 0, 1),
      Uint8Array.of(0, 0, 0, 11, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0x7b, 0x78),
    ];
    for (const bytes of cases) {
      const read = openFrameReader(CAP);
      expect(read(bytes)).toBeNull();
      expect(read(encodeFrame(FRAME.ready, 0, {}))).toBeNull();
    }
    expect(cases.length).toBe(5);
  });

  it('refuse a head over its cap', () => {
    const read = openFrameReader(LIMITS.frameBytes);
    expect(read(encodeFrame(1, 0, { text: 'x'.repeat(LIMITS.frameHeadBytes) }))).toBeNull();
  });

  it.each([
    ['a number below 0', '-1'],
    ['a fraction', '200.5'],
    ['a number that is not exact', '9007199254740993'],
    ['an exponent over all numbers', '1e999'],
    ['more than its nesting', `${'['.repeat(17)}${']'.repeat(17)}`],
    ['thousands of lists', '['.repeat(30_000)],
    ['two values', '1 2'],
    ['nothing', ''],
    ['bytes that are no text', '\ud800'],
  ])('refuse a head with %s', (_, json) => {
    const bytes = json === '\ud800' ? Uint8Array.of(0x22, 0xff, 0x22) : encodeUtf8(json);
    expect(parseHead(bytes)).toBeUndefined();
    expect(parseHead(encodeUtf8('{"a":[1,"x",true,null]}'))).toEqual({ a: [1, 'x', true, null] });
  });

  it('give frames or null for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 256 }), fc.integer({ min: 1, max: 32 }), (bytes, size) => {
        for (const frames of feed(bytes, size)) {
          for (const frame of frames ?? []) parseChildMessage(frame);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

const head: fc.Arbitrary<Head> = fc.letrec<{ value: Head }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    u32,
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.constantFrom(
        'status',
        'headers',
        'code',
        'stderrBytes',
        'number',
        'method',
        'scheme',
        'authority',
        'path',
        'text',
      ),
      tie('value'),
    ),
  ),
})).value;

describe('what a child says', () => {
  const request = { method: 'GET', scheme: 'https', authority: 'a.test', path: '/', headers: [], body: EMPTY };
  const good: readonly (readonly [number, number, Head, Uint8Array])[] = [
    [FRAME.ready, 0, {}, EMPTY],
    [FRAME.refused, 0, { text: 'why' }, EMPTY],
    [FRAME.trap, 7, { text: 'why' }, EMPTY],
    [FRAME.log, 7, { text: 'line' }, EMPTY],
    [FRAME.answer, 7, { status: 200, headers: [['a', 'b\xff']] }, Uint8Array.of(1)],
    [FRAME.exit, 7, { code: 2 ** 32 - 1, stdoutBytes: 1, stderrBytes: 1, treeBytes: [] }, Uint8Array.of(1, 2)],
    [FRAME.egress, 7, writeEgressHead(1, request), EMPTY],
  ];
  it('is read when it is exactly right', () => {
    const read = good.map(([type, call, head, bytes]) => parseChildMessage({ type, call, head, body: bytes }));
    expect(read.map((m) => m?.type)).toEqual(['ready', 'refused', 'trap', 'log', 'answer', 'exit', 'egress']);
  });

  const egress = writeEgressHead(1, request) as Record<string, Head>;
  const bad: readonly (readonly [string, number, number, Head, Uint8Array])[] = [
    ['a type that only the gate sends', FRAME.load, 0, {}, EMPTY],
    ['an unknown type', 99, 0, {}, EMPTY],
    ['a head that is no map', FRAME.ready, 0, [], EMPTY],
    ['ready for a call', FRAME.ready, 1, {}, EMPTY],
    ['ready with more', FRAME.ready, 0, { more: 1 }, EMPTY],
    ['ready with a body', FRAME.ready, 0, {}, Uint8Array.of(1)],
    ['refused for a call', FRAME.refused, 1, { text: '' }, EMPTY],
    ['a status below 200', FRAME.answer, 7, { status: 101, headers: [] }, EMPTY],
    ['a status above 599', FRAME.answer, 7, { status: 600, headers: [] }, EMPTY],
    ['an answer with an unknown key', FRAME.answer, 7, { status: 200, headers: [], extra: 1 }, EMPTY],
    ['a header value with a line end', FRAME.answer, 7, { status: 200, headers: [['a', 'b\r\nc: d']] }, EMPTY],
    ['a header value beyond one byte', FRAME.answer, 7, { status: 200, headers: [['a', '\u0100']] }, EMPTY],
    ['a header name in upper case', FRAME.answer, 7, { status: 200, headers: [['A', 'b']] }, EMPTY],
    ['a header name with a colon', FRAME.answer, 7, { status: 200, headers: [['a:', 'b']] }, EMPTY],
    ['a header without a value', FRAME.answer, 7, { status: 200, headers: [['a']] }, EMPTY],
    ['a method with a space', FRAME.egress, 7, { ...egress, method: 'GET /' }, EMPTY],
    ['an authority with a space', FRAME.egress, 7, { ...egress, authority: 'a b' }, EMPTY],
    ['a path with a line end', FRAME.egress, 7, { ...egress, path: '/\n' }, EMPTY],
    ['a path that is not ASCII', FRAME.egress, 7, { ...egress, path: '/\u00e9' }, EMPTY],
  ];
  it.each(bad)('is refused for %s', (_, type, call, head, bytes) => {
    expect(parseChildMessage({ type, call, head, body: bytes })).toBeNull();
  });

  it('is one printable line, however it was written', () => {
    const message = parseChildMessage({ type: FRAME.log, call: 1, head: { text: 'a\nb\u001b[2J\u202e' }, body: EMPTY });
    expect(message).toMatchObject({ text: 'a?b?[2J?' });
  });

  it('gives a message or null for any head', () => {
    const type = fc.constantFrom(...Object.values(FRAME), 0, 255);
    fc.assert(
      fc.property(type, u32, head, body, (t, call, head, bytes) => {
        parseChildMessage({ type: t, call, head, body: bytes });
        parseRequestHead(head, bytes);
        parseBundle({ type: t, call, head, body: bytes });
      }),
      { numRuns: 2000 },
    );
  });
});

describe('how a program ended', () => {
  const exit: HeadMap = { code: 0, stdoutBytes: 0, stderrBytes: 0, treeBytes: [] };
  const tree = encodeTree([{ kind: 'removed', path: 'a' }]);
  const trees = { ...exit, treeBytes: [tree.length, tree.length] };

  it('is read when it is exactly right', () => {
    const said = { ...exit, code: 2 ** 32 - 1, stdoutBytes: 1, stderrBytes: 1 };
    const [stdout, stderr] = [Uint8Array.of(1), Uint8Array.of(2)];
    expect(parseExit(said, Uint8Array.of(1, 2), 0)).toEqual({ code: 2 ** 32 - 1, stdout, stderr, changes: [] });
    expect(parseExit(trees, concatBytes(tree, tree), 2)?.changes).toHaveLength(2);
  });

  const bad: readonly (readonly [string, HeadMap, Uint8Array])[] = [
    ['an exit code over 32 bits', { ...exit, code: 2 ** 32 }, EMPTY],
    ['more stdout than body', { ...exit, stdoutBytes: 1 }, EMPTY],
    ['more stderr than body', { ...exit, stderrBytes: 1 }, EMPTY],
    ['more of a tree than body', { ...exit, treeBytes: [1] }, EMPTY],
    ['a tree that is none', { ...exit, treeBytes: [1] }, Uint8Array.of(0)],
    ['less than body', exit, Uint8Array.of(0)],
    ['an exit with an unknown key', { ...exit, extra: 1 }, EMPTY],
    ['an exit without its trees', { code: 0, stdoutBytes: 0, stderrBytes: 0 }, EMPTY],
  ];
  it.each(bad)('is refused for %s', (_, head, bytes) => {
    expect(parseExit(head, bytes, (head['treeBytes'] as readonly Head[] | undefined)?.length ?? 0)).toBeNull();
  });

  it.each([0, 1, 3])('is refused with two trees for a program that was given %i, before any is read', (given) => {
    expect(parseExit(trees, concatBytes(tree, tree), given)).toBeNull();
    const unread = new Proxy(tree, {
      get(_, key) {
        throw new Error(`read ${String(key)}`);
      },
    });
    expect(parseExit(trees, unread, given)).toBeNull();
  });
});

describe('what the gate says', () => {
  it('round-trips', () => {
    const query = {
      method: 'POST',
      path: '/a?b',
      authority: 'w.test',
      headers: [['x', 'y']] as const,
      body: Uint8Array.of(1),
    };
    expect(parseRequestHead(writeRequestHead(query), query.body)).toEqual(query);
    expect(writeResponseHead({ status: 200, headers: [['x', 'y']], body: EMPTY })).toEqual({
      status: 200,
      headers: [['x', 'y']],
    });
    const fresh = bundleOf('http', Uint8Array.of(1, 2));
    const file = { kind: 'file' as const, path: 'model', bytes: Uint8Array.of(3) };
    const mounts = [{ path: '/data', writable: false, items: [file] }];
    const pooled: Bundle = {
      ...fresh,
      kind: 'command',
      instances: { kind: 'pooled', calls: 7 },
      mounts,
      scratchBytes: 5,
    };
    const reread = (bundle: Bundle): unknown =>
      parseBundle(openFrameReader(CAP)(writeBundle(bundle, 10))?.[0] as Frame);
    for (const bundle of [fresh, pooled]) expect(reread(bundle)).toEqual({ bundle, outputBytes: 10 });
    const refused = (bundle: object): unknown => reread(bundle as Bundle);
    expect(refused({ ...fresh, kind: 'other' })).toBeNull();
    expect(refused({ ...fresh, instances: { kind: 'other' } })).toBeNull();
    expect(refused({ ...fresh, instances: { kind: 'fresh', calls: 1 } })).toBeNull();
    expect(refused({ ...pooled, instances: { kind: 'pooled' } })).toBeNull();
    expect(refused({ ...pooled, instances: { kind: 'pooled', calls: 0 } })).toBeNull();
    expect(refused({ ...fresh, rules: {} })).toBeNull();
    expect(refused({ ...fresh, rules: { memoryPages: 16 } })).toBeNull();
    expect(refused({ ...fresh, rules: { memoryPages: 16, gas: 'much' } })).toBeNull();
    expect(refused({ ...fresh, rules: { memoryPages: 16, gas: 5 } })).not.toBeNull();
  });
});
