/**
 * The asynchronous canonical ABI: streams, futures, sets, calls of the host and their ends in any order, with any handles, places and counts. A
 * guest comes to an end, traps for its own fault, or waits until it is closed; no byte changes but where it said; what it held ends with it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  FutureReader,
  GivenFuture,
  GivenStream,
  StreamReader,
  type StreamWriter,
} from '../src/enclave/sandbox/component/async/host-end.ts';
import { GuestTrap } from '../src/enclave/sandbox/component/trap.ts';
import { writeGuest } from '../test/enclave/sandbox/component/async-guest.ts';
import { build, type Functions, open, type Running, WASM } from '../test/enclave/sandbox/component/kit.ts';
import { makeSteps, OWN, PLAYER, ROOM, readDone, writeSteps } from './async-script.ts';
import { type Choices, makeScripts, openChoices } from './choices.ts';
import { changeBytes } from './mutate.ts';
import { createRandom } from './random.ts';
import { demand, nameOf, type Target } from './target.ts';
import { catchingAll } from './unhandled.ts';

/** Turns after which a guest that has not come to its end is taken to wait for what never comes. */
const TURNS = 8;

/** The host's side of one guest: what it gave, what it took, and what it waits for. */
class AsyncHost {
  readonly #choices: Choices;
  readonly #writers: StreamWriter[] = [];
  readonly #readers: (StreamReader | FutureReader)[] = [];
  /** What goes on, by its name. */
  readonly #pending: string[] = [];

  constructor(choices: Choices) {
    this.#choices = choices;
  }

  async #settles(name: string, run: Promise<unknown>): Promise<void> {
    this.#pending.push(name);
    await run;
    this.#pending.splice(this.#pending.indexOf(name), 1);
  }

  async #write(writer: StreamWriter): Promise<void> {
    this.#writers.push(writer);
    for (let pieces = this.#choices.below(4); pieces > 0; pieces--) {
      if (this.#choices.chance(0.3)) await nextTurn();
      await writer.write(new Uint8Array(this.#choices.pick([1, 3, 64, 900])).fill(0xaa));
    }
    if (this.#choices.chance(0.5)) writer.end();
  }

  async #read(reader: StreamReader): Promise<void> {
    for (let pieces = this.#choices.below(4); pieces > 0; pieces--)
      if ((await reader.read(this.#choices.pick([1, 7, 1000]))) === null) return;
    if (this.#choices.chance(0.5)) reader.drop();
  }

  functions(): Functions {
    const later = (): Promise<number> => nextTurn().then(() => 3);
    return {
      give: () => new GivenStream((writer) => void this.#settles('writing', this.#write(writer))),
      'give-future': () => new GivenFuture(this.#choices.chance(0.5) ? Promise.resolve(9) : later()),
      take: (reader: StreamReader) => {
        this.#readers.push(reader);
        void this.#settles('reading', this.#read(reader));
      },
      'take-future': (reader: FutureReader) => {
        this.#readers.push(reader);
        if (this.#choices.chance(0.7)) void this.#settles('reading a future', reader.read());
        else reader.drop();
      },
      wait: () => (this.#choices.chance(0.3) ? 3 : later()),
      'wait-sync': () => (this.#choices.chance(0.3) ? 3 : later()),
    };
  }

  /** Lets go of what the host holds once the guest is closed: then nothing waits any more. */
  async end(): Promise<void> {
    for (const reader of this.#readers) if (reader instanceof StreamReader) reader.drop();
    for (const writer of this.#writers) writer.end();
    for (let turn = 0; turn < TURNS; turn++) await nextTurn();
    const left = this.#pending.join(', ');
    demand(left === '', `nothing of the host waits for a guest that is closed, but: ${left}`);
  }
}

/** Where the host may write for the steps that a guest has made. */
function allowedBy(memory: Uint8Array): readonly (readonly [start: number, end: number])[] {
  return readDone(memory).flatMap(([name, [a = 0, b = 0, c = 0]]) => {
    if (name === 'set-poll' || name === 'set-wait') return [[b, b + 8] as const];
    if (name === 'stream-read' || name === 'stream-read-sync') return [[b, b + c] as const];
    if (name === 'future-read') return [[b, b + 4] as const];
    if (name === 'text-read') return [[b, b + 8] as const, ROOM];
    return name === 'wait' ? [[a, a + 4] as const] : [];
  });
}

function checkMemory(before: Uint8Array, after: Uint8Array): void {
  const expected = Uint8Array.from(before);
  for (const [start, end] of [OWN, ...allowedBy(after)])
    if (start < after.length) expected.set(after.subarray(start, end), start);
  demand(Buffer.compare(expected, after) === 0, 'no byte changes but where the guest said');
}

function memoryOf({ cores }: Running): Uint8Array {
  for (const { m } of cores as readonly { readonly m?: { readonly buffer: ArrayBuffer } }[])
    if (m !== undefined) return new Uint8Array(m.buffer);
  throw new TypeError('the guest has no memory');
}

/** Calls a guest, and names how it ended. */
async function endOf(running: Running): Promise<string> {
  try {
    return `accepted: ${String(await running.call('run'))}`;
  } catch (error) {
    const isItsFault = error instanceof GuestTrap || error instanceof WASM.RuntimeError;
    demand(isItsFault, `a guest ends for its own fault, not ${error instanceof Error ? error.stack : String(error)}`);
    return `refused: ${nameOf(error.message)}`;
  }
}

async function waits(): Promise<string> {
  for (let turn = 0; turn < TURNS; turn++) await nextTurn();
  return 'accepted: waits';
}

/** Gives the target over one guest that is compiled once. */
export async function asyncTarget(): Promise<Target> {
  let host: AsyncHost | null = null;
  const names = ['give', 'give-future', 'take', 'take-future', 'wait', 'wait-sync'];
  const functions = Object.fromEntries(
    names.map((name) => [`t:w/host#${name}`, (...args: never[]) => host?.functions()[name]?.(...args)]),
  );
  const make = await open(await build(writeGuest(PLAYER)), functions, { waiting: ['t:w/host#wait-sync'] });

  async function play(input: Uint8Array): Promise<string> {
    const choices = openChoices(input);
    const random = createRandom('words', choices.below(2 ** 24));
    const steps = makeSteps(choices);
    // What the host does comes from the same bytes, from their end.
    host = new AsyncHost(openChoices(Uint8Array.from(input).reverse()));
    const running = make();
    const memory = memoryOf(running);
    writeSteps(memory, steps, () => (random.chance(0.5) ? random.below(8) : 8 * random.below(500)));
    const before = Uint8Array.from(memory);
    const outcome = await Promise.race([endOf(running), waits()]);
    checkMemory(before, memory);
    running.instance.close(false);
    const closed = Uint8Array.from(memory);
    await host.end();
    demand(Buffer.compare(closed, memory) === 0, 'nothing is written into a guest that is closed');
    return outcome;
  }

  return {
    name: 'async',
    share: 4,
    seeds: makeScripts(createRandom('async'), 96, 240),
    mutators: [changeBytes],
    run: (input) => catchingAll(() => play(input)),
  };
}
