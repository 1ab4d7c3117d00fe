/**
 * What a hostile child says next: mostly what the protocol allows at this point, so that a script gets far, and now and then something of a
 * wrong type, call, number, length or order.
 */
import { LIMITS } from '../src/base/limits.ts';
import type { Frame } from '../src/enclave/sandbox/frame.ts';
import type { Head } from '../src/enclave/sandbox/frame-head.ts';
import { FRAME } from '../src/enclave/sandbox/messages.ts';
import type { Choices } from './choices.ts';
import { demand } from './target.ts';

/** How often a choice is a wrong one. */
const ODD = 0.012;
const CHILD_TYPES = Object.values(FRAME).filter((type) => type >= FRAME.ready);
const ODD_HEADS: readonly Head[] = [
  null,
  '',
  0,
  [],
  {},
  [1],
  [0, 0],
  { text: 1 },
  { number: 0 },
  { length: 2 ** 53 - 1 },
];
const NOTHING = new Uint8Array(0);

/** One call as its child knows it. */
interface KnownCall {
  last: number;
  hasLogged: boolean;
  /** Bodies that the child writes. */
  readonly writing: Set<number>;
  /** Bytes of bodies that the child was sent and gave no credit for. */
  readonly owed: Map<number, number>;
  /** Those of them that have ended, or that the child wants no more of. */
  readonly ended: Set<number>;
}

const newCall = (): KnownCall => ({ last: 0, hasLogged: false, writing: new Set(), owed: new Map(), ended: new Set() });

export class ChildScript {
  readonly #choices: Choices;
  readonly #calls = new Map<number, KnownCall>();
  /** Calls that the gate has told the child to drop. */
  readonly #stopped = new Set<number>();
  #heard = 0;
  /** Whether it gave credit for more than was under way, which no gate may take. */
  isOverdrawn = false;

  constructor(choices: Choices) {
    this.#choices = choices;
  }

  /** Gives one of those that are right, or rarely one of those that are wrong. */
  #odd<T>(right: readonly T[], wrong: readonly T[]): T {
    return this.#choices.chance(ODD) ? this.#choices.pick(wrong) : this.#choices.pick(right);
  }

  /** Takes note of what the gate has said since. */
  #listen(heard: readonly Frame[]): void {
    for (const { type, call, head, body } of heard.slice(this.#heard)) {
      if (type === FRAME.call) this.#calls.set(call, newCall());
      const known = this.#calls.get(call);
      if (type === FRAME.cancel) this.#stopped.add(call);
      if ((type === FRAME.end || type === FRAME.abort) && typeof head === 'number') known?.ended.add(head);
      if (type === FRAME.connectAnswer) {
        const { number, error } = head as { readonly number: number; readonly error?: string };
        if (error === undefined) known?.writing.add(number);
      } else if ((type === FRAME.piece || type === FRAME.end) && typeof head === 'number') {
        const owed = (known?.owed.get(head) ?? 0) + body.length;
        demand(owed <= LIMITS.windowBytes, 'the gate sends no more than it has credit for');
        known?.owed.set(head, owed);
      }
    }
    this.#heard = heard.length;
  }

  /** Gives a new number of an outgoing request. */
  #next(known: KnownCall): number {
    const right = known.last + 1;
    known.last = this.#odd([right, right, right + 3], [known.last, 0, 2 ** 32, 2 ** 53 - 1]);
    return known.last;
  }

  #body(known: KnownCall, number: number): { readonly length?: Head; readonly bytes: Uint8Array } {
    const choices = this.#choices;
    const bytes = new Uint8Array(this.#odd([0, 3, 1000], [LIMITS.windowBytes + 1]));
    if (choices.chance(0.4)) return { bytes };
    known.writing.add(number);
    return { length: choices.pick<Head>([null, 5, 2 ** 40]), bytes: this.#odd([NOTHING], [bytes]) };
  }

  #headers(): Head {
    return this.#odd<Head>([[], [['a', 'b']]], [[['A', 'b']], [['a', 'b\n']], [['a']], 'a', null]);
  }

  /** Gives head and body of a frame of this type. */
  #fill(type: number, call: number, known: KnownCall): readonly [head: Head, body?: Uint8Array] {
    const choices = this.#choices;
    const [writing, owed] = [[...known.writing], [...known.owed.keys()]];
    const written = this.#odd(writing.length > 0 ? writing : [0], [known.last, known.last + 1, 0, 2 ** 53 - 1]);
    const piece = (): Uint8Array => new Uint8Array(this.#odd([1, 100, LIMITS.pieceBytes], [LIMITS.pieceBytes + 1, 0]));
    switch (type) {
      case FRAME.answer: {
        const { bytes, ...length } = this.#body(known, 0);
        return [{ status: this.#odd([200, 599], [600, 199]), headers: this.#headers(), ...length }, bytes];
      }
      case FRAME.egress: {
        const number = this.#next(known);
        const { bytes, ...length } = this.#body(known, number);
        const [method, path] = [this.#odd(['GET'], ['', 'G T']), this.#odd(['/'], ['/ /', 'é'])];
        const head = { number, method, scheme: 'https', authority: 'a.example', path };
        return [{ ...head, headers: this.#headers(), ...length }, bytes];
      }
      case FRAME.lookup:
        return [{ number: this.#next(known), name: this.#odd(['a.example', ''], ['x'.repeat(254)]) }];
      case FRAME.connect: {
        const address = this.#odd(['192.0.2.1', '::1'], ['a', '']);
        return [{ number: this.#next(known), address, port: this.#odd([443, 65_535], [0, 65_536]) }];
      }
      case FRAME.exit: {
        const body = choices.bytes(choices.below(8));
        const treeBytes = choices.pick<Head>([[], [], [0], [4]]);
        return [{ code: 0, stdoutBytes: 0, stderrBytes: body.length, treeBytes }, body];
      }
      case FRAME.log:
      case FRAME.trap:
      case FRAME.refused:
        known.hasLogged ||= type === FRAME.log;
        return [{ text: choices.pick(['why', '', '\u0000\n'.repeat(900)]) }];
      case FRAME.credit: {
        const number = owed.length > 0 ? choices.pick(owed) : 0;
        const most = known.owed.get(number) ?? 0;
        // Wrong ones are more frequent here: there is seldom anything to give credit for.
        const bytes = choices.pick([most, most, Math.ceil(most / 2), most, choices.chance(0.3) ? most + 1 : most]);
        if (bytes <= most) known.owed.set(number, most - bytes);
        else if (known.owed.has(number) && !known.ended.has(number) && !this.#stopped.has(call))
          this.isOverdrawn = true;
        return [[number, bytes]];
      }
      case FRAME.piece:
        return [written, piece()];
      case FRAME.end:
        known.writing.delete(written);
        return [written, choices.chance(0.5) ? NOTHING : piece()];
      case FRAME.abort:
        known.writing.delete(written);
        return [written];
      case FRAME.unwanted: {
        const number = owed.length > 0 ? choices.pick(owed) : 0;
        known.ended.add(number);
        return [number];
      }
      default:
        return [{}];
    }
  }

  /** Lists the types that may be said of a call, the frequent ones more than once. */
  #typesOf(known: KnownCall): readonly number[] {
    const types: number[] = [FRAME.egress, FRAME.egress, FRAME.connect, FRAME.lookup, FRAME.connect];
    if (!known.hasLogged) types.push(FRAME.log);
    if (known.writing.size > 0) types.push(FRAME.piece, FRAME.piece, FRAME.piece, FRAME.end, FRAME.abort);
    if ([...known.owed.values()].some((bytes) => bytes > 0)) types.push(FRAME.credit, FRAME.credit, FRAME.credit);
    if (known.owed.size > 0) types.push(FRAME.unwanted);
    if (!known.writing.has(0)) types.push(FRAME.answer);
    return this.#choices.chance(0.1) ? [FRAME.trap, FRAME.exit, FRAME.cancelled] : types;
  }

  /** Gives more of a body than a window holds, at once; nothing when no body is under way. */
  flood(heard: readonly Frame[]): readonly Frame[] {
    this.#listen(heard);
    const [call, known] = [...this.#calls].findLast(([, { writing }]) => writing.size > 0) ?? [];
    const number = known === undefined ? undefined : [...known.writing].at(-1);
    if (call === undefined || number === undefined) return [];
    const pieces = 1 + LIMITS.windowBytes / LIMITS.pieceBytes;
    const body = new Uint8Array(LIMITS.pieceBytes);
    return Array.from({ length: pieces }, () => ({ type: FRAME.piece, call, head: number, body }));
  }

  /** Gives the next frame, for one of the last calls mostly. */
  next(heard: readonly Frame[]): Frame | null {
    const choices = this.#choices;
    this.#listen(heard);
    const numbers = [...this.#calls.keys()].slice(-3);
    if (numbers.length === 0 && !choices.chance(ODD)) return null;
    const call = this.#odd(numbers.length > 0 ? numbers : [0], [0, 1, 2 ** 32 - 1]);
    const known = this.#calls.get(call) ?? newCall();
    const type = this.#odd(this.#typesOf(known), [...CHILD_TYPES, FRAME.load, FRAME.cancel, 255]);
    const [head, body = NOTHING] = choices.chance(ODD) ? [choices.pick(ODD_HEADS)] : this.#fill(type, call, known);
    const isOver = body.length === 0 ? !known.writing.has(0) : true;
    const ends = (type === FRAME.answer && isOver) || (type === FRAME.end && head === 0);
    if (ends || type === FRAME.trap || type === FRAME.exit || type === FRAME.cancelled) this.#calls.delete(call);
    return { type, call, head, body };
  }
}
