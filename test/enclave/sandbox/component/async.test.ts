/** The asynchronous canonical ABI: what a guest may do with each built-in, and what is a trap. */
import { describe, expect, it } from 'vitest';
import {
  FutureReader,
  GivenFuture,
  GivenStream,
  StreamReader,
} from '../../../../src/enclave/sandbox/component/async/host-end.ts';
import { GuestTrap } from '../../../../src/enclave/sandbox/component/trap.ts';
import { type GuestText, openAsyncGuest } from './async-guest.ts';
import type { Functions } from './kit.ts';

const run = async (text: GuestText, functions: Functions = {}): Promise<unknown> =>
  await (await openAsyncGuest(text, functions)).call('run');

const RETURN = '(call $return (i32.const 7)) (i32.const 0)';
const STREAM = '(call $split (call $stream-new))';
const FUTURE = '(call $split (call $future-new))';
const A = '(global.get $a)';
const B = '(global.get $b)';

describe('a guest', () => {
  it.each<[what: string, body: string]>([
    ['returns once', RETURN],
    ['keeps a number for its call', `(call $set (i32.const 5)) (call $check (call $get) (i32.const 5)) ${RETURN}`],
    ['asks for no calls and for calls again', `(call $inc) (call $dec) ${RETURN}`],
    [
      'makes a set, polls it and drops it',
      `(global.set $c (call $set-new)) (call $check (call $set-poll (global.get $c) (i32.const 8)) (i32.const 0)) (call $set-drop (global.get $c)) ${RETURN}`,
    ],
    [
      'drops both ends of a stream',
      `${STREAM} (call $stream-drop-readable ${A}) (call $stream-drop-writable ${B}) ${RETURN}`,
    ],
    [
      'copies from a write to a read',
      `${STREAM}
      (i32.store8 (i32.const 100) (i32.const 42))
      (call $check (call $stream-write ${B} (i32.const 100) (i32.const 1)) (i32.const -1))
      (call $check (call $stream-read ${A} (i32.const 200) (i32.const 4)) (i32.const 16))
      (call $check (i32.load8_u (i32.const 200)) (i32.const 42))
      (global.set $c (call $set-new)) (call $join ${B} (global.get $c))
      (call $check (call $set-poll (global.get $c) (i32.const 8)) (i32.const 3))
      (call $check (i32.load (i32.const 8)) ${B}) (call $check (i32.load (i32.const 12)) (i32.const 16)) ${RETURN}`,
    ],
    [
      'hears that the other end is gone',
      `${STREAM} (call $stream-drop-readable ${A})
      (call $check (call $stream-write ${B} (i32.const 100) (i32.const 1)) (i32.const 1)) ${RETURN}`,
    ],
    [
      'gives a copy up',
      `${STREAM} (call $check (call $stream-read ${A} (i32.const 100) (i32.const 1)) (i32.const -1))
      (call $check (call $stream-cancel-read ${A}) (i32.const 2)) (call $stream-drop-readable ${A}) ${RETURN}`,
    ],
    [
      'writes and reads a future',
      `${FUTURE} (i32.store (i32.const 100) (i32.const 9))
      (call $check (call $future-write ${B} (i32.const 100)) (i32.const -1))
      (call $check (call $future-read ${A} (i32.const 200)) (i32.const 0))
      (call $check (i32.load (i32.const 200)) (i32.const 9)) (call $future-drop-readable ${A}) ${RETURN}`,
    ],
    [
      'hears that nobody wants its future',
      `${FUTURE} (call $future-drop-readable ${A})
      (call $check (call $future-write ${B} (i32.const 100)) (i32.const 1)) (call $future-drop-writable ${B}) ${RETURN}`,
    ],
    [
      'leaves a set with what was in it',
      `${STREAM} (global.set $c (call $set-new)) (call $join ${A} (global.get $c))
      (call $join ${A} (i32.const 0)) (call $set-drop (global.get $c)) ${RETURN}`,
    ],
    ['lets others have their turn', `(call $check (call $yield) (i32.const 0)) ${RETURN}`],
    ['calls the host and has its answer at once', `(call $check (call $wait (i32.const 100)) (i32.const 2)) ${RETURN}`],
  ])('%s', async (_, body) => {
    expect(await run({ run: body })).toBe(7);
  });

  it.each<[what: string, body: string]>([
    ['returns twice', `(call $return (i32.const 7)) ${RETURN}`],
    ['returns another type', `(call $return-64 (i64.const 7)) (i32.const 0)`],
    ['ends without a result', '(i32.const 0)'],
    ['answers with what means nothing', '(i32.const 3)'],
    ['waits on a set that there is not', '(call $wait-for (i32.const 99))'],
    ['waits on what is no set', `${STREAM} (call $wait-for ${A})`],
    ['confirms a cancellation that there was not', `(call $cancel) ${RETURN}`],
    ['asks for calls more often than for none', `(call $dec) ${RETURN}`],
    ['polls what is no set', `${STREAM} (drop (call $set-poll ${A} (i32.const 8))) ${RETURN}`],
    ['polls into what is no place', `(drop (call $set-poll (call $set-new) (i32.const 7))) ${RETURN}`],
    ['polls past its memory', `(drop (call $set-poll (call $set-new) (i32.const 65532))) ${RETURN}`],
    [
      'drops a set twice',
      `(global.set $c (call $set-new)) (call $set-drop (global.get $c)) (call $set-drop (global.get $c)) ${RETURN}`,
    ],
    [
      'drops a set with something in it',
      `${STREAM} (global.set $c (call $set-new)) (call $join ${A} (global.get $c)) (call $set-drop (global.get $c)) ${RETURN}`,
    ],
    ['joins what nobody can wait for', `(call $join (call $set-new) (call $set-new)) ${RETURN}`],
    ['joins a set that is none', `${STREAM} (call $join ${A} ${B}) ${RETURN}`],
    ['reads from a writable end', `${STREAM} (drop (call $stream-read ${B} (i32.const 100) (i32.const 1))) ${RETURN}`],
    ['writes to a readable end', `${STREAM} (drop (call $stream-write ${A} (i32.const 100) (i32.const 1))) ${RETURN}`],
    ['reads a future as a stream', `${FUTURE} (drop (call $stream-read ${A} (i32.const 100) (i32.const 1))) ${RETURN}`],
    ['reads a future of another type', `${FUTURE} (drop (call $text-read ${A} (i32.const 100))) ${RETURN}`],
    ['reads past its memory', `${STREAM} (drop (call $stream-read ${A} (i32.const 65535) (i32.const 2))) ${RETURN}`],
    [
      'reads more than can be said',
      `${STREAM} (drop (call $stream-read ${A} (i32.const 0) (i32.const 0x10000000))) ${RETURN}`,
    ],
    ['reads to what is no place', `${FUTURE} (drop (call $future-read ${A} (i32.const 101))) ${RETURN}`],
    [
      'reads twice at once',
      `${STREAM} (drop (call $stream-read ${A} (i32.const 100) (i32.const 1))) (drop (call $stream-read ${A} (i32.const 100) (i32.const 1))) ${RETURN}`,
    ],
    [
      'reads after the end',
      `${STREAM} (call $stream-drop-writable ${B}) (drop (call $stream-read ${A} (i32.const 100) (i32.const 1))) (drop (call $stream-read ${A} (i32.const 100) (i32.const 1))) ${RETURN}`,
    ],
    [
      'reads a dropped end',
      `${STREAM} (call $stream-drop-readable ${A}) (drop (call $stream-read ${A} (i32.const 100) (i32.const 1))) ${RETURN}`,
    ],
    [
      'writes a future twice',
      `${FUTURE} (call $future-drop-readable ${A}) (drop (call $future-write ${B} (i32.const 100))) (drop (call $future-write ${B} (i32.const 100))) ${RETURN}`,
    ],
    [
      'drops an end that copies',
      `${STREAM} (drop (call $stream-read ${A} (i32.const 100) (i32.const 1))) (call $stream-drop-readable ${A}) ${RETURN}`,
    ],
    ['drops a future that it promised', `${FUTURE} (call $future-drop-writable ${B}) ${RETURN}`],
    ['gives up a copy that there is not', `${STREAM} (drop (call $stream-cancel-read ${A})) ${RETURN}`],
    ['gives away an end in a set', `${STREAM} (call $join ${A} (call $set-new)) (call $h-take ${A}) ${RETURN}`],
    [
      'gives away an end that copies',
      `${STREAM} (drop (call $stream-read ${A} (i32.const 100) (i32.const 1))) (call $h-take ${A}) ${RETURN}`,
    ],
    ['gives away a writable end', `${STREAM} (call $h-take ${B}) ${RETURN}`],
    ['gives away an end twice', `${STREAM} (call $h-take ${A}) (call $h-take ${A}) ${RETURN}`],
    ['gives a future for a stream', `${FUTURE} (call $h-take ${A}) ${RETURN}`],
    [
      'copies text to itself',
      `(call $split (call $text-new)) (drop (call $text-write ${B} (i32.const 100))) (drop (call $text-read ${A} (i32.const 200))) ${RETURN}`,
    ],
    ['drops a call that is none', `(call $subtask-drop (call $set-new)) ${RETURN}`],
    ['cancels a call that is none', `(drop (call $subtask-cancel (call $set-new))) ${RETURN}`],
    ['has an answer written past its memory', `(drop (call $wait (i32.const 65534))) ${RETURN}`],
  ])('that %s is ended', async (_, body) => {
    const text = { run: body.replaceAll('$h-take', '$take').replaceAll('$wait ', '$wait ') };
    await expect(run(text)).rejects.toBeInstanceOf(GuestTrap);
  });

  it.each([
    ['a set', '(call $set-wait (call $set-new) (i32.const 8))'],
    ['its turn', '(call $yield)'],
    ['a copy', `${STREAM} (call $stream-read-sync ${A} (i32.const 100) (i32.const 1))`],
    ['the host', '(call $wait-sync)'],
  ])('that waits for %s in a function that is not asynchronous is ended', async (_, plain) => {
    const never = { 'wait-sync': () => new Promise(() => undefined) };
    const guest = await openAsyncGuest({ run: RETURN, plain }, never);
    await expect(guest.call('plain')).rejects.toBeInstanceOf(GuestTrap);
  });

  it('is ended by its own trap, and says so from then on', async () => {
    const guest = await openAsyncGuest({ run: 'unreachable' });
    await expect(guest.call('run')).rejects.toThrow();
    await expect(guest.call('run')).rejects.toThrow();
  });
});

describe('a call of the host', () => {
  const WAITS = `(global.set $a (call $wait (i32.const 100))) (call $check (i32.and ${A} (i32.const 15)) (i32.const 1))
    (global.set $a (i32.shr_u ${A} (i32.const 4))) (global.set $c (call $set-new)) (call $join ${A} (global.get $c))`;

  it('is an event of its guest when it has an answer', async () => {
    const answer = Promise.withResolvers<number>();
    const text = {
      run: `${WAITS} (call $wait-for (global.get $c))`,
      callback: `(call $check (local.get $code) (i32.const 1)) (call $check (local.get $index) ${A})
        (call $check (local.get $payload) (i32.const 2)) (call $subtask-drop ${A})
        (call $return (i32.load (i32.const 100))) (i32.const 0)`,
    };
    const running = run(text, { wait: () => answer.promise });
    answer.resolve(33);
    expect(await running).toBe(33);
  });

  it('is given up, and its answer changes nothing then', async () => {
    const answer = Promise.withResolvers<number>();
    const text = {
      run: `${WAITS} (call $join ${A} (i32.const 0)) (call $check (call $subtask-cancel ${A}) (i32.const 4))
        (call $subtask-drop ${A}) (i32.const 1)`,
      callback: '(call $return (i32.load (i32.const 100))) (i32.const 0)',
    };
    const running = run(text, { wait: () => answer.promise });
    answer.resolve(33);
    expect(await running).toBe(0);
  });

  it.each([
    ['is dropped before its end', `(call $subtask-drop ${A})`],
    [
      'is cancelled twice',
      `(call $join ${A} (i32.const 0)) (drop (call $subtask-cancel ${A})) (drop (call $subtask-cancel ${A}))`,
    ],
  ])('that %s ends its guest', async (_, body) => {
    const text = { run: `${WAITS} ${body} ${RETURN}` };
    await expect(run(text, { wait: () => new Promise(() => undefined) })).rejects.toBeInstanceOf(GuestTrap);
  });

  it('is waited for in place where the guest asks for that', async () => {
    const text = { run: '(call $return (call $wait-sync)) (i32.const 0)' };
    expect(await run(text, { 'wait-sync': () => Promise.resolve(21) })).toBe(21);
  });

  it('that fails ends its guest with its own reason', async () => {
    const text = { run: `${WAITS} (call $wait-for (global.get $c))` };
    await expect(run(text, { wait: () => Promise.reject(new RangeError('broken')) })).rejects.toBeInstanceOf(
      RangeError,
    );
  });

  it('under way too many times ends its guest', async () => {
    const text = { run: '(loop $again (drop (call $wait (i32.const 100))) (br $again)) (i32.const 0)' };
    await expect(run(text, { wait: () => new Promise(() => undefined) })).rejects.toBeInstanceOf(GuestTrap);
  });
});

describe('a stream', () => {
  it('from a guest is read by the host, as far as both go', async () => {
    const read: number[][] = [];
    const take = (reader: StreamReader): void => {
      expect(reader).toBeInstanceOf(StreamReader);
      void (async () => {
        for (let pieces = await reader.read(2); pieces !== null; pieces = await reader.read(2)) {
          read.push(pieces.flatMap((piece) => [...(piece as Uint8Array)]));
        }
      })();
    };
    const text = {
      run: `${STREAM} (i32.store (i32.const 100) (i32.const 0x04030201)) (call $take ${A})
        (call $check (call $stream-write ${B} (i32.const 100) (i32.const 3)) (i32.const 0x20)) (i32.const 1)`,
      callback: `(call $check (call $stream-write ${B} (i32.const 102) (i32.const 1)) (i32.const 0x10))
        (call $stream-drop-writable ${B}) ${RETURN}`,
    };
    expect(await run(text, { take: take })).toBe(7);
    await new Promise(setImmediate);
    expect(read).toEqual([[1, 2], [3]]);
  });

  const READS = {
    run: `(global.set $a (call $give)) (global.set $c (call $set-new)) (call $join ${A} (global.get $c))
      (call $check (call $stream-read ${A} (i32.const 100) (i32.const 2)) (i32.const -1)) (call $wait-for (global.get $c))`,
    callback: `(call $check (local.get $code) (i32.const 2)) (call $return (local.get $payload)) (i32.const 0)`,
  };

  it('from the host is written when the guest has asked', async () => {
    let taken = 0;
    const give = () =>
      new GivenStream((writer) => {
        void (async () => {
          await writer.ready();
          taken = await writer.write(Uint8Array.of(5, 6, 7));
        })();
      });
    const guest = await openAsyncGuest(READS, { give });
    expect(await guest.call('run')).toBe(0x20);
    guest.instance.close(false);
    await new Promise(setImmediate);
    expect(taken).toBe(2);
  });

  it('from the host that ends is an event', async () => {
    const give = () => new GivenStream((writer) => void writer.ready().then(() => writer.end()));
    expect(await run(READS, { give })).toBe(1);
  });

  it('tells the host when a guest wants no more of it', async () => {
    const dropped = Promise.withResolvers<void>();
    const give = () => new GivenStream((writer) => writer.onDropped(() => dropped.resolve()));
    expect(await run({ run: `(call $stream-drop-readable (call $give)) ${RETURN}` }, { give })).toBe(7);
    await dropped.promise;
  });

  it('is over for the host when its guest is', async () => {
    const ended = Promise.withResolvers<unknown>();
    const take = (reader: StreamReader): void => void reader.read(1).then(ended.resolve);
    const guest = await openAsyncGuest({ run: `${STREAM} (call $take ${A}) ${RETURN}` }, { take: take });
    expect(await guest.call('run')).toBe(7);
    guest.instance.close(false);
    expect(await ended.promise).toBeNull();
  });

  it('more often than there may be ends its guest', async () => {
    const text = { run: '(loop $again (drop (call $stream-new)) (br $again)) (i32.const 0)' };
    await expect(run(text)).rejects.toBeInstanceOf(GuestTrap);
  });
});

describe('a future', () => {
  it('from a guest is read by the host', async () => {
    const read = Promise.withResolvers<unknown>();
    const takeFuture = (reader: FutureReader): void => void reader.read().then(read.resolve);
    const text = {
      run: `${FUTURE} (i32.store (i32.const 100) (i32.const 77)) (call $take-future ${A})
        (call $check (call $future-write ${B} (i32.const 100)) (i32.const 0)) (call $future-drop-writable ${B}) ${RETURN}`,
    };
    expect(await run(text, { 'take-future': takeFuture })).toBe(7);
    expect(await read.promise).toEqual({ value: 77 });
  });

  it('from the host is read by a guest', async () => {
    const text = {
      run: `(global.set $a (call $give-future)) (global.set $c (call $set-new)) (call $join ${A} (global.get $c))
        (call $check (call $future-read ${A} (i32.const 100)) (i32.const -1)) (call $wait-for (global.get $c))`,
      callback: `(call $check (local.get $code) (i32.const 4)) (call $future-drop-readable ${A})
        (call $return (i32.load (i32.const 100))) (i32.const 0)`,
    };
    expect(await run(text, { 'give-future': () => new GivenFuture(Promise.resolve(55)) })).toBe(55);
  });

  it('that the host fails to give ends its guest', async () => {
    const text = {
      run: `(global.set $a (call $give-future)) (global.set $c (call $set-new)) (call $join ${A} (global.get $c))
        (drop (call $future-read ${A} (i32.const 100))) (call $wait-for (global.get $c))`,
    };
    const broken = { 'give-future': () => new GivenFuture(Promise.reject(new RangeError('broken'))) };
    await expect(run(text, broken)).rejects.toBeInstanceOf(RangeError);
  });

  it.each([
    ['dropped before it was written', `(call $future-drop-writable ${B})`],
    ['left where it is', 'unreachable'],
  ])('%s by a guest that traps is over for the host', async (_, end) => {
    const read = Promise.withResolvers<unknown>();
    const takeFuture = (reader: FutureReader): void => void reader.read().then(read.resolve);
    const text = { run: `${FUTURE} (call $take-future ${A}) ${end} ${RETURN}` };
    const guest = await openAsyncGuest(text, { 'take-future': takeFuture });
    await expect(guest.call('run')).rejects.toBeInstanceOf(Error);
    guest.instance.close(false);
    expect(await read.promise).toBeNull();
  });

  it.each([
    ['before', { value: 55 }],
    ['after', null],
  ])('whose value comes %s the end of its guest is read as %o by the host', async (when, expected) => {
    const [value, read] = [Promise.withResolvers<number>(), Promise.withResolvers<unknown>()];
    const functions = {
      'give-future': () => new GivenFuture(value.promise),
      'take-future': (reader: FutureReader) => void reader.read().then(read.resolve),
    };
    const guest = await openAsyncGuest({ run: `(call $take-future (call $give-future)) ${RETURN}` }, functions);
    expect(await guest.call('run')).toBe(7);
    if (when === 'after') guest.instance.close(false);
    value.resolve(55);
    expect(await read.promise).toEqual(expected);
  });

  it('that a guest may not pass on is over for the host, a stream, too', async () => {
    const dropped = Promise.withResolvers<void>();
    const give = () => new GivenStream((writer) => writer.onDropped(dropped.resolve));
    // An end in a set cannot be given away.
    const run = `(global.set $a (call $give)) (call $join ${A} (call $set-new)) (call $take ${A}) ${RETURN}`;
    const guest = await openAsyncGuest({ run }, { give });
    await expect(guest.call('run')).rejects.toBeInstanceOf(GuestTrap);
    guest.instance.close(false);
    await dropped.promise;
  });
});
