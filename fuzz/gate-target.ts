/**
 * The gate beside a hostile child: a script of frames of every type, with calls, numbers, lengths and orders that are right or wrong, between
 * what callers and the outside do. The child is dropped or its calls go on; every call ends with an answer or a typed error; nothing that was
 * opened for a call outlives it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { concatBytes } from '../src/base/bytes.ts';
import { encodeFrame, type Frame } from '../src/enclave/sandbox/frame.ts';
import { type FunctionProcess, openFunctionProcess } from '../src/enclave/sandbox/function-process.ts';
import { FRAME, parseChildMessage } from '../src/enclave/sandbox/messages.ts';
import { beReady, type FakeChild, fakeChild } from '../test/enclave/sandbox/fake-child.ts';
import { manualTimers } from '../test/enclave/sandbox/manual-timers.ts';
import { ChildScript } from './child-script.ts';
import { type Choices, makeScripts, openChoices } from './choices.ts';
import { GateCalls } from './gate-calls.ts';
import { changeBytes } from './mutate.ts';
import { createRandom } from './random.ts';
import { demand, type Target } from './target.ts';
import { catchingAll } from './unhandled.ts';

const MAX_STEPS = 40;
const FRAME_BYTES = 512 * 1024;
const NEVER_OPEN = { deaths: 1e9, windowMs: 1, pauseMs: 1 };
/** One gate, its children, and what a script does with them. */
class Scene {
  readonly #choices: Choices;
  readonly #children: FakeChild[] = [];
  /** Children that have said their first word. */
  readonly #greeted = new Set<FakeChild>();
  readonly #timers = manualTimers();
  readonly #scripts = new Map<FakeChild, ChildScript>();
  readonly #logged: string[] = [];
  readonly #calls: GateCalls;
  #running: FunctionProcess | null = null;
  #dropped = 0;

  constructor(choices: Choices) {
    this.#choices = choices;
    this.#calls = new GateCalls(choices);
  }

  async #open(): Promise<FunctionProcess> {
    const opening = openFunctionProcess({
      name: 'fuzzed',
      launch: () => {
        const child = fakeChild();
        this.#children.push(child);
        return child.process;
      },
      load: encodeFrame(FRAME.load, 0, {}),
      startDeadlineMs: 1000,
      frameBytes: FRAME_BYTES,
      maxCalls: 3,
      maxEgress: GateCalls.MAX_EGRESS,
      cpuMs: 600_000,
      graceMs: 8,
      spareMs: 0,
      circuits: { caller: NEVER_OPEN, all: NEVER_OPEN, callers: 8 },
      timers: this.#timers,
      onNotice: () => undefined,
      onLog: (line) => this.#logged.push(line),
    });
    await this.#child();
    return await opening;
  }

  /** Gives a child that lives: the next one, when the last is gone; it mostly says at first that it is ready. */
  async #child(): Promise<FakeChild> {
    for (let starts = 0; starts < 9; starts++) {
      const child = this.#children.at(-1);
      if (child !== undefined && !child.isGone()) {
        const isFirst = this.#children.length === 1;
        if (!this.#greeted.has(child) && (isFirst || this.#choices.chance(0.95))) await beReady(child);
        this.#greeted.add(child);
        return child;
      }
      this.#timers.advance(this.#timers.planned()[0] ?? 0);
      await nextTurn();
    }
    throw new Error('property: a child that is gone is replaced');
  }

  async #say(child: FakeChild): Promise<void> {
    const choices = this.#choices;
    const script = this.#scripts.get(child) ?? new ChildScript(choices);
    this.#scripts.set(child, script);
    const frames: Frame[] = choices.chance(0.02) ? [...script.flood(child.heard)] : [];
    for (let left = choices.chance(0.2) ? 1 + choices.below(6) : 1; left > 0; left--) {
      const frame = script.next(child.heard);
      if (frame !== null) frames.push(frame);
    }
    const isForm = frames.every((frame) => parseChildMessage(frame) !== null);
    await child.write(concatBytes(...frames.map(({ type, call, head, body }) => encodeFrame(type, call, head, body))));
    demand(!script.isOverdrawn || child.isGone(), 'a child that gives credit for nothing is dropped');
    demand(isForm || child.isGone(), 'a child that says what no child may say is dropped');
  }

  async #step(running: FunctionProcess): Promise<void> {
    const choices = this.#choices;
    const child = await this.#child();
    const what = choices.below(100);
    if (what < 60) await this.#say(child);
    else if (what < 68) this.#calls.begin(running);
    else if (what < 94) this.#calls.act();
    else if (what < 97) this.#timers.advance(choices.pick([1, 8, 100, 1001]));
    else if (what < 98) await child.write(choices.bytes(choices.below(30)));
    else if (what < 99) await child.die();
    else await child.write(encodeFrame(FRAME.piece, 0, 0, new Uint8Array(choices.chance(0.1) ? FRAME_BYTES : 9)));
    await nextTurn();
    this.#dropped = this.#children.filter((each) => each.isGone()).length;
    this.#calls.check();
  }

  /** Runs a script to its end, and gives what became of its calls. */
  async run(): Promise<string> {
    const running = await this.#open();
    this.#running = running;
    this.#calls.begin(running);
    for (let steps = 0; steps < MAX_STEPS && !this.#choices.isOver(); steps++) await this.#step(running);
    const ends = await this.#end();
    return `${this.#dropped > 0 ? 'refused' : 'accepted'}: ${ends}`;
  }

  async #end(): Promise<string> {
    await this.#running?.close();
    for (let turn = 0; turn < 4; turn++) await nextTurn();
    demand(
      this.#children.every((child) => child.isGone()),
      'no child outlives its function',
    );
    this.#timers.advance(0);
    demand(this.#timers.planned().length === 0, 'nothing is planned for a function that is closed');
    const words = this.#logged.every((line) => line.length < 600 && !/[^\x20-\x7e]/.test(line));
    demand(words, 'what a child says is short and printable');
    return await this.#calls.end();
  }
}

/** The target, whose inputs are scripts. */
export const GATE_TARGET: Target = {
  name: 'gate',
  share: 4,
  seeds: makeScripts(createRandom('gate'), 64, 160),
  mutators: [changeBytes],
  run: (input) => catchingAll(() => new Scene(openChoices(input)).run()),
};
