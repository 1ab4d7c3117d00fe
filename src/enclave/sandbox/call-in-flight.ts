/**
 * One call that a child works on, as the gate sees it: what the child may say about it now, its bodies, and the egress that it asks for. From
 * its last message on there is no such call, and whatever else is said about it is not of the protocol.
 */

import { LIMITS } from '../../base/limits.ts';
import type { FunctionCode } from '../../error-table.ts';
import { FunctionError, TransportError } from '../../errors.ts';
import { type Body, isWhole, pour, type StreamedBody } from './body.ts';
import { type CommandExit, parseExit } from './command-messages.ts';
import { encodeFrame } from './frame.ts';
import { encodeHead, type Head } from './frame-head.ts';
import { type BodyMessage, type ChildMessage, FRAME, type OnWire, writeEgressAnswerHead } from './messages.ts';
import { type OpenBodies, openBodies } from './open-bodies.ts';
import type { CallTerms, EgressAnswer, EgressRequest, FunctionResponse } from './sandbox.ts';
import type { SocketRequest } from './socket-messages.ts';
import { SocketPassage } from './socket-passage.ts';
import type { ReadyChild } from './supervisor.ts';
import type { Timers } from './timers.ts';

/** What ends a call well, or begins its good end: the body of an answer may still be on its way. */
export type CallAnswer =
  | { readonly type: 'answer'; readonly response: FunctionResponse }
  | { readonly type: 'exit'; readonly exit: CommandExit };

export interface CallOptions extends CallTerms {
  /** Which of the two answers this function may give; an exit tells of exactly the trees that the program was given. */
  readonly expects: 'answer' | { readonly trees: number };
}

/** What a call knows of the process that works on it. */
export interface CallPlace {
  readonly id: number;
  readonly child: ReadyChild;
  readonly timers: Timers;
  /** How long a child may take to drop a call that is past its deadline, before it is killed. */
  readonly graceMs: number;
  /** Outgoing requests at the same time. */
  readonly maxEgress: number;
  readonly onLog: (line: string) => void;
  readonly error: (code: FunctionCode, why: string) => FunctionError;
  /** Is called once, when the child has nothing more to say about it: because it has said all, or because it is gone. */
  readonly onOver: (end: 'answered' | 'lost') => void;
}

type ExitMessage = Extract<ChildMessage, { type: 'exit' }>;
type EgressMessage = Extract<ChildMessage, { type: 'egress' }>;
type CallMessage = Exclude<ChildMessage, { type: 'ready' | 'refused' }>;

const NOTHING = new Uint8Array(0);
const TOO_MANY: EgressAnswer = { error: 'connection-limit-reached' };
const HEAD_TOO_LARGE: EgressAnswer = { error: 'HTTP-response-header-section-size' };

/** Bodies of outgoing requests that a child may have begun and not ended, those that nobody takes among them. */
const MAX_READING = 256;

/** Tells whether an answer's head can be carried: a child gives up a gate that sends it more, and its other calls with it. */
function fitsFrame(number: number, answer: EgressAnswer): boolean {
  return 'error' in answer || encodeHead(writeEgressAnswerHead(number, answer)).length <= LIMITS.frameHeadBytes;
}

/** The gate's egress never rejects; if it does all the same, the guest gets an error and the gate goes on. */
async function askEgress({ egress }: CallTerms, request: EgressRequest, ended: AbortSignal): Promise<EgressAnswer> {
  try {
    return await egress(request, ended);
  } catch {
    return { error: 'internal-error' };
  }
}

export class CallInFlight {
  readonly #place: CallPlace;
  readonly #options: CallOptions;
  readonly #settled = Promise.withResolvers<CallAnswer>();
  /** Is called when it is decided whether the child outlives this call; there once the call is past its deadline. */
  #decide: (() => void) | null = null;
  /** `stopped`: the child was told to drop it, and what it says until it has done so counts for nothing. */
  #phase: 'asked' | 'answering' | 'stopped' | 'over' = 'asked';
  #bodies: OpenBodies | null = null;
  /** Is aborted when the call is over, however it ended; made for the first outgoing request, because most calls make none. */
  #ended: AbortController | null = null;
  #sockets: SocketPassage | null = null;
  #egressNow = 0;
  #lastEgress = 0;
  #logged = false;

  constructor(place: CallPlace, options: CallOptions) {
    this.#place = place;
    this.#options = options;
  }

  /** Who is answerable for it. */
  get caller(): string {
    return this.#options.caller;
  }

  /** Sends the call, and gives its answer. */
  send(head: Head, body: Body): Promise<CallAnswer> {
    const { child, id } = this.#place;
    child.send(encodeFrame(FRAME.call, id, head, isWhole(body) ? body : NOTHING));
    if (!isWhole(body)) void this.#feed(body);
    this.#options.whenGone(() => this.#leave());
    return this.#settled.promise;
  }

  /** Takes what the child says about this call; false when it may not say that now. */
  take(message: CallMessage): boolean {
    if (message.type === 'answer') return this.#takeAnswer(message.response);
    if (message.type === 'egress') return this.#takeEgress(message);
    if (message.type === 'lookup' || message.type === 'connect') return this.#takeSocket(message);
    if (message.type === 'trap') {
      this.#place.onLog(`trap: ${message.text}`);
      this.#settled.reject(this.#place.error('ERR_FUNCTION_TRAP', 'trapped or answered nothing'));
      this.#finish('answered');
      return true;
    }
    if (message.type === 'exit') return this.#takeExit(message);
    if (message.type === 'cancelled') {
      if (this.#phase !== 'stopped') return false;
      this.#finish('answered');
      return true;
    }
    if (message.type !== 'log') return this.#takeBody(message);
    if (this.#logged) return false;
    this.#logged = true;
    this.#place.onLog(message.text);
    return true;
  }

  /** Ends the call because its child is gone, without an answer or in the middle of it. */
  fail(error: Error): void {
    this.#settled.reject(error);
    this.#finish('lost');
  }

  /**
   * Ends a call past its deadline: the child may say at once that it dropped it, which it can while the guest waits; a child that does not is
   * killed. The word counts for the neighbours' sake only: the caller has its error already, and a child that lies gains nothing that it had not.
   */
  overrun(late: Error, onDecided: () => void): void {
    const { child, timers, graceMs } = this.#place;
    const callOff = timers.after(graceMs, () => {
      // What the child has said by now may still wait to be read; the event loop reads before it comes to this.
      setImmediate(() => {
        if (this.#phase !== 'over') child.kill('killed');
      });
    });
    this.#decide = () => {
      callOff();
      onDecided();
    };
    this.#stop(late);
  }

  #finish(end: 'answered' | 'lost'): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    this.#decide?.();
    this.#ended?.abort();
    this.#bodies?.close();
    this.#place.onOver(end);
  }

  /** Tells the child to drop the call; whoever waits for its answer gets this error. */
  #stop(error: Error): void {
    if (this.#phase === 'stopped' || this.#phase === 'over') return;
    this.#phase = 'stopped';
    this.#settled.reject(error);
    this.#ended?.abort();
    this.#bodies?.close();
    this.#place.child.send(encodeFrame(FRAME.cancel, this.#place.id, {}));
  }

  /** Ends a call that nobody waits for any more. A client that has its answer goes, too, and making an error takes longer than asking. */
  #leave(): void {
    if (this.#phase !== 'over') this.#stop(new TransportError('ERR_TRANSPORT_CLOSED', 'the client is gone'));
  }

  #openBodies(): OpenBodies {
    const { child, id } = this.#place;
    this.#bodies ??= openBodies(id, (frame) => child.send(frame));
    return this.#bodies;
  }

  async #feed({ source }: StreamedBody): Promise<void> {
    const end = await pour(source, this.#openBodies().write(0), LIMITS.pieceBytes);
    // A query that broke off has no answer, whatever the guest would make of the part that it has.
    if (end === 'broken') this.#stop(new TransportError('ERR_TRANSPORT_CLOSED', 'the body of the query broke off'));
  }

  #takeAnswer({ body, ...head }: OnWire<FunctionResponse>): boolean {
    if (this.#options.expects !== 'answer' || this.#phase === 'answering') return false;
    if (body instanceof Uint8Array) {
      this.#settled.resolve({ type: 'answer', response: { ...head, body } });
      this.#finish('answered');
      return true;
    }
    if (this.#phase === 'stopped') return true;
    this.#phase = 'answering';
    const gone = (): void => this.#stop(this.#place.error('ERR_FUNCTION_UNAVAILABLE', 'answers what nobody reads'));
    const source = this.#openBodies().read(0, gone);
    this.#settled.resolve({ type: 'answer', response: { ...head, body: { source, length: body.length } } });
    return true;
  }

  #takeExit({ head, body }: ExitMessage): boolean {
    const { expects } = this.#options;
    if (expects === 'answer') return false;
    if (this.#phase !== 'stopped') {
      const exit = parseExit(head, body, expects.trees);
      if (exit === null) return false;
      this.#settled.resolve({ type: 'exit', exit });
    }
    this.#finish('answered');
    return true;
  }

  #takeBody(message: BodyMessage): boolean {
    const isOfAnswer = message.number === 0;
    if (this.#phase !== 'stopped') {
      // An answer that breaks off says so by a trap.
      if (isOfAnswer && message.type === 'abort') return false;
      if (this.#bodies?.take(message) !== true) return false;
    }
    if (isOfAnswer && message.type === 'end') this.#finish('answered');
    return true;
  }

  /** Numbers grow, whatever they are for. */
  #isNext(number: number): boolean {
    if (number <= this.#lastEgress) return false;
    this.#lastEgress = number;
    return true;
  }

  #takeSocket(request: SocketRequest): boolean {
    if (!this.#isNext(request.number)) return false;
    if (this.#phase === 'stopped') return true;
    const { child, id, maxEgress } = this.#place;
    this.#ended ??= new AbortController();
    const { signal: ended } = this.#ended;
    this.#sockets ??= new SocketPassage({
      egress: this.#options.sockets(ended),
      maxOpen: maxEgress,
      bodies: this.#openBodies(),
      send: (type, head) => child.deliver(encodeFrame(type, id, head)),
      ended,
    });
    this.#sockets.take(request);
    return true;
  }

  #takeEgress(message: EgressMessage): boolean {
    if (!this.#isNext(message.number)) return false;
    if ((this.#bodies?.reading ?? 0) >= MAX_READING) return false;
    if (this.#phase !== 'stopped') void this.#passEgress(message.number, message.request);
    return true;
  }

  /** A request counts until its answer is taken, so that a child that does not read cannot pile up answers here. */
  async #passEgress(number: number, { body, ...head }: OnWire<EgressRequest>): Promise<void> {
    const { child, id, maxEgress } = this.#place;
    const refused = this.#egressNow >= maxEgress;
    this.#egressNow += 1;
    this.#ended ??= new AbortController();
    const { signal } = this.#ended;
    const reader = body instanceof Uint8Array ? null : this.#openBodies().read(number);
    const request = { ...head, body: reader === null ? (body as Uint8Array) : { source: reader, length: body.length } };
    const given = refused ? TOO_MANY : await askEgress(this.#options, request, signal);
    const answer = fitsFrame(number, given) ? given : HEAD_TOO_LARGE;
    if (answer !== given && 'body' in given && !isWhole(given.body)) given.body.source.cancel();
    const answered = 'error' in answer ? NOTHING : answer.body;
    if (signal.aborted) {
      if (!isWhole(answered)) answered.source.cancel();
    } else {
      const whole = isWhole(answered) ? answered : NOTHING;
      const sent = child.deliver(encodeFrame(FRAME.egressAnswer, id, writeEgressAnswerHead(number, answer), whole));
      if (!isWhole(answered)) {
        const writer = this.#openBodies().write(number);
        await pour(answered.source, writer, LIMITS.pieceBytes);
        await writer.over;
      }
      await sent;
    }
    reader?.cancel();
    this.#egressNow -= 1;
  }
}
