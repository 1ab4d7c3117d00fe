/** What a child may say of bodies, and what ends it: each sequence beside the one that differs in one thing, then any frames at all. No time is real. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/base/limits.ts';
import { type Body, WholeBytes } from '../../../src/enclave/sandbox/body.ts';
import type { CallOptions } from '../../../src/enclave/sandbox/call-in-flight.ts';
import { encodeTree } from '../../../src/enclave/sandbox/files/tree-image.ts';
import { encodeFrame } from '../../../src/enclave/sandbox/frame.ts';
import type { Head } from '../../../src/enclave/sandbox/frame-head.ts';
import { type FunctionProcess, openFunctionProcess } from '../../../src/enclave/sandbox/function-process.ts';
import { FRAME } from '../../../src/enclave/sandbox/messages.ts';
import type { Egress, FunctionResponse } from '../../../src/enclave/sandbox/sandbox.ts';
import { NO_SOCKET_EGRESS } from '../../../src/enclave/sandbox/socket-egress.ts';
import { drain, NEVER_GONE } from '../bodies.ts';
import { beReady, type FakeChild, fakeChild } from './fake-child.ts';
import { NEVER_OPEN } from './guests.ts';
import { type ManualTimers, manualTimers } from './manual-timers.ts';

const { windowBytes: WINDOW, pieceBytes: PIECE } = LIMITS;
const REQUEST = { method: 'POST', scheme: 'https', authority: 'a.test', path: '/', headers: [] };

interface World {
  readonly running: FunctionProcess;
  readonly child: FakeChild;
  readonly timers: ManualTimers;
}

async function open(): Promise<World> {
  const children: FakeChild[] = [];
  const timers = manualTimers();
  const opening = openFunctionProcess({
    name: 'f',
    launch: () => {
      children.push(fakeChild());
      return (children.at(-1) as FakeChild).process;
    },
    load: encodeFrame(FRAME.load, 0, {}),
    startDeadlineMs: 5000,
    frameBytes: LIMITS.frameBytes,
    cpuMs: 1_000_000,
    maxCalls: 4,
    maxEgress: 2,
    graceMs: 8,
    spareMs: 0,
    circuits: NEVER_OPEN,
    timers,
    onNotice: () => undefined,
    onLog: () => undefined,
  });
  await beReady(children[0]);
  return { running: await opening, child: children[0] as FakeChild, timers };
}

/** Egress that reads what it is sent, and answers with a body of four windows. */
const ECHO: Egress = async ({ body }) => {
  const { length } = await drain(body).catch(() => new Uint8Array(0));
  const answer = new WholeBytes({ rest: new Uint8Array(4 * WINDOW) });
  return { status: 200, headers: [['x-read', String(length)]], body: { source: answer, length: null } };
};

/** Calls with a body of four windows, or one that is whole. */
function call(
  { running }: World,
  streamed = false,
  expects: CallOptions['expects'] = 'answer',
): Promise<FunctionResponse | string> {
  const bytes = new Uint8Array(4 * WINDOW);
  const body: Body = streamed ? { source: new WholeBytes({ rest: bytes }), length: null } : new Uint8Array(1);
  const terms = {
    deadlineMs: 1000,
    caller: '',
    egress: ECHO,
    sockets: NO_SOCKET_EGRESS,
    whenGone: NEVER_GONE,
    expects,
  } as const;
  return running.call({}, body, terms).then(
    (answer) => (answer.type === 'answer' ? answer.response : 'exit'),
    (e: unknown) => (e as { readonly code: string }).code,
  );
}

type Said = readonly [type: number, call: number, head: Head, body?: Uint8Array];
const begin: Said = [FRAME.answer, 1, { status: 200, headers: [], length: null }];
const ask = (number: number, length: Head = null): Said => [FRAME.egress, 1, { number, ...REQUEST, length }];
const piece = (size: number, number = 0, id = 1): Said => [FRAME.piece, id, number, new Uint8Array(size)];
const after = (...names: readonly string[]): Said => [
  FRAME.end,
  1,
  [0, names.map((name) => [name, '1'])],
  new Uint8Array(0),
];
const NAMES = Array.from({ length: LIMITS.trailerFields }, (_, i) => `x-${i}`);
const end = (number = 0, size = 0): Said => [FRAME.end, 1, number, new Uint8Array(size)];
const window: readonly Said[] = [piece(PIECE), piece(PIECE), piece(PIECE), piece(PIECE)];

async function sayAll({ child }: World, said: readonly Said[]): Promise<void> {
  for (const frame of said) await child.say(...frame);
}

describe('what a child says of bodies', () => {
  const table: readonly (readonly [name: string, good: readonly Said[], bad: readonly Said[], streamed?: boolean])[] = [
    ['pieces within its credit, and one over it', [begin, ...window], [begin, ...window, piece(1)]],
    ['the end within its credit, and over it', [begin, ...window, end()], [begin, ...window, end(0, 1)]],
    ['a piece of the largest size, and a larger one', [begin, piece(PIECE)], [begin, piece(PIECE + 1)]],
    ['a piece with bytes, and without', [begin, piece(1)], [begin, piece(0)]],
    ['a piece of its answer, and before there is one', [begin, piece(1)], [piece(1), begin]],
    ['a piece of its own call, and of another', [begin, piece(1)], [begin, piece(1, 0, 2)]],
    ['a piece of a body that is open, and of one that never was', [begin, piece(1, 0)], [begin, piece(1, 1)]],
    ['the end last, and a piece after it', [begin, piece(1), end()], [begin, end(), piece(1)]],
    ['one end, and two', [begin, end()], [begin, end(), end()]],
    ['fields after its answer, and one that may not come so late', [begin, after('x-a')], [begin, after('host')]],
    ['fields after its answer, and none where it says that there are', [begin, after('x-a')], [begin, after()]],
    ['as many fields as may come, and one more', [begin, after(...NAMES)], [begin, after(...NAMES, 'x-more')]],
    ['one answer, and two', [begin, piece(1)], [begin, begin]],
    ['the abort of a request, and of its answer', [ask(1), [FRAME.abort, 1, 1]], [begin, [FRAME.abort, 1, 0]]],
    ['numbers of requests that grow, and that come again', [ask(1), ask(2)], [ask(1), ask(1)]],
    ['requests from 1 on, and 0', [ask(1)], [ask(0)]],
    [
      'a whole answer of a window, and a larger one',
      [[FRAME.answer, 1, { status: 200, headers: [] }, new Uint8Array(WINDOW)]],
      [[FRAME.answer, 1, { status: 200, headers: [] }, new Uint8Array(WINDOW + 1)]],
    ],
    [
      'bytes with a whole answer, and with one that is to follow',
      [begin],
      [[FRAME.answer, 1, { status: 200, headers: [], length: null }, new Uint8Array(1)]],
    ],
    [
      'requests whose bodies do not end, and more of them than may be open',
      Array.from({ length: 256 }, (_, i) => ask(i + 1)),
      Array.from({ length: 257 }, (_, i) => ask(i + 1)),
    ],
    ['a length that is a number, and a text', [ask(1, 5)], [ask(1, 'five')]],
    [
      'credit for what it was sent, and for more',
      [[FRAME.credit, 1, [0, WINDOW]]],
      [[FRAME.credit, 1, [0, WINDOW + 1]]],
      true,
    ],
    ['credit for some bytes, and for none', [[FRAME.credit, 1, [0, 1]]], [[FRAME.credit, 1, [0, 0]]], true],
    [
      'that it wants no more of a body, and of one that there is not',
      [[FRAME.unwanted, 1, 0]],
      [[FRAME.unwanted, 1, 1]],
      true,
    ],
    [
      'credit for its query when that has a body to come, and of a body that there is not',
      [[FRAME.credit, 1, [0, 1]]],
      [[FRAME.credit, 1, [3, 1]]],
      true,
    ],
  ];

  it.each(table.map((row) => [row[0], row] as const))('%s', async (_name, [, good, bad, streamed = false]) => {
    const fine = await open();
    void call(fine, streamed);
    await sayAll(fine, good);
    expect(fine.child.isGone()).toBe(false);
    await fine.running.close();
    const broken = await open();
    const asked = call(broken, streamed);
    await sayAll(broken, bad);
    expect(broken.child.isGone()).toBe(true);
    const answer = await asked;
    // Whoever has the beginning of an answer sees it break off, or had all of it.
    if (typeof answer === 'string') expect(answer).toBe('ERR_FUNCTION_PROTOCOL');
    await broken.running.close();
  });

  it('after it was told to drop a call counts for nothing until it has', async () => {
    const world = await open();
    const asked = call(world);
    await sayAll(world, [begin]);
    const response = (await asked) as FunctionResponse;
    const { source } = response.body as Exclude<Body, Uint8Array>;
    source.cancel();
    await sayAll(world, [...window, piece(1), ask(1)]);
    expect(world.child.isGone()).toBe(false);
    await world.child.say(FRAME.cancelled, 1);
    expect(world.child.isGone()).toBe(false);
    await sayAll(world, [piece(1)]);
    expect(world.child.isGone()).toBe(true);
    await world.running.close();
  });

  it('leaves no more than a window under way to a child that gives no credit', async () => {
    const world = await open();
    void call(world, true);
    await sayAll(world, [ask(1, 0), end(1)]);
    const bytesOf = (number: number): number =>
      world.child.heard
        .filter(({ type, head }) => type === FRAME.piece && head === number)
        .reduce((sum, { body }) => sum + body.length, 0);
    expect([bytesOf(0), bytesOf(1)]).toEqual([WINDOW, WINDOW]);
    await world.child.say(FRAME.credit, 1, [1, PIECE]);
    expect([bytesOf(0), bytesOf(1)]).toEqual([WINDOW, WINDOW + PIECE]);
    await world.running.close();
  });
});

describe('an exit', () => {
  const tree = encodeTree([]);
  const exit = (...trees: readonly Uint8Array[]): Said => {
    const head = { code: 0, stdoutBytes: 0, stderrBytes: 0, treeBytes: trees.map(({ length }) => length) };
    return [FRAME.exit, 1, head, Buffer.concat(trees)];
  };

  it.each([
    ['of a program that was given no tree', { trees: 0 }, exit(), 'exit', false],
    ['of a program that was given one', { trees: 1 }, exit(tree), 'exit', false],
    ['with a tree more than the program was given', { trees: 0 }, exit(tree), 'ERR_FUNCTION_PROTOCOL', true],
    ['with a tree less than the program was given', { trees: 1 }, exit(), 'ERR_FUNCTION_PROTOCOL', true],
    ['where an answer is due', 'answer', exit(), 'ERR_FUNCTION_PROTOCOL', true],
  ] as const)('%s', async (_, expects, said, outcome, isGone) => {
    const world = await open();
    const asked = call(world, false, expects);
    await sayAll(world, [said]);
    expect([await asked, world.child.isGone()]).toEqual([outcome, isGone]);
    await world.running.close();
  });

  it('of a call that there is not ends the child', async () => {
    const world = await open();
    await sayAll(world, [exit()]);
    expect(world.child.isGone()).toBe(true);
    await world.running.close();
  });
});

describe('any frames', () => {
  const sized = fc.constantFrom(0, 1, 100, PIECE, PIECE + 1);
  const number = fc.constantFrom<Head>(0, 1, 2, 3, null, 'x');
  const fine: fc.Arbitrary<Said> = fc.constantFrom<Said>(
    piece(1),
    piece(PIECE),
    piece(7, 1),
    [FRAME.credit, 1, [0, 1]],
    [FRAME.unwanted, 1, 0],
    ask(1),
    ask(2, 7),
    ask(3),
    end(1, 7),
    [FRAME.log, 1, { text: 'once' }],
  );
  const last: fc.Arbitrary<Said> = fc.constantFrom<Said>(
    end(),
    [FRAME.cancelled, 1, {}],
    [FRAME.trap, 1, { text: '' }],
  );
  const wrong: fc.Arbitrary<Said> = fc.oneof(
    fc.tuple(
      fc.constantFrom(FRAME.piece, FRAME.end, FRAME.abort, FRAME.unwanted),
      fc.constantFrom(1, 2),
      number,
      sized.map((n) => new Uint8Array(n)),
    ),
    fc.tuple(fc.constant(FRAME.credit), fc.constant(1), fc.tuple(number, fc.constantFrom<Head>(0, 1, PIECE, WINDOW))),
    fc.tuple(fc.nat(255), fc.nat(2), fc.constantFrom<Head>({}, null, [], 0)),
  );
  const any = fc.oneof(
    { weight: 20, arbitrary: fine },
    { weight: 1, arbitrary: last },
    { weight: 1, arbitrary: wrong },
  );

  it('end the child at most: the call has an end, and nothing is thrown', async () => {
    let survived = 0;
    let ended = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(any, { minLength: 1, maxLength: 8 }), fc.boolean(), async (all, streamed) => {
        const said = [begin, ...all];
        const world = await open();
        const asked = call(world, streamed);
        for (const frame of said) {
          await world.child.say(...frame);
          if (world.child.isGone()) break;
        }
        if (world.child.isGone()) ended += 1;
        else survived += 1;
        world.timers.advance(1000);
        world.timers.advance(8);
        const answer = await asked;
        if (typeof answer !== 'string' && !(answer.body instanceof Uint8Array)) {
          const { source } = answer.body;
          expect(source.available).toBeLessThanOrEqual(WINDOW);
          while (source.state === 'open') await source.changed();
        }
        await world.running.close();
      }),
      { numRuns: 300 },
    );
    expect(Math.min(survived, ended)).toBeGreaterThan(20);
  });
});

describe('a destination that answers with more header fields than a frame holds', () => {
  it.each([
    ['just as many as fit', 7000, null],
    ['more', 8000, 'HTTP-response-header-section-size'],
  ])('%s: the child is told, and lives', async (_, fields, error) => {
    const world = await open();
    const headers = Array.from({ length: fields }, () => ['a', ''] as const);
    const egress: Egress = () => Promise.resolve({ status: 200, headers, body: new Uint8Array(0) });
    const terms = { deadlineMs: 1000, caller: '', egress, sockets: NO_SOCKET_EGRESS, whenGone: NEVER_GONE } as const;
    const asked = world.running.call({}, new Uint8Array(1), { ...terms, expects: 'answer' });
    await world.child.say(FRAME.egress, 1, { number: 1, ...REQUEST });
    const { head } = world.child.heard.find(({ type }) => type === FRAME.egressAnswer) ?? {};
    expect(head).toMatchObject(error === null ? { number: 1, status: 200 } : { number: 1, error });
    await world.child.say(FRAME.answer, 1, { status: 200, headers: [] });
    await expect(asked).resolves.toMatchObject({ type: 'answer' });
    await world.running.close();
  });
});
