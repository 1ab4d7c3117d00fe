/** The calls of a gate that is fuzzed: who calls, reads answers and goes away, and an outside that answers late, streams or refuses. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LIMITS } from '../src/base/limits.ts';
import { type Body, isWhole } from '../src/enclave/sandbox/body.ts';
import type { FunctionProcess } from '../src/enclave/sandbox/function-process.ts';
import type { Connection } from '../src/enclave/sandbox/net/outside.ts';
import type { CallTerms, EgressAnswer } from '../src/enclave/sandbox/sandbox.ts';
import type { SocketFailure } from '../src/enclave/sandbox/socket-egress.ts';
import type { ByteSource } from '../src/enclave/sandbox/wasi/byte-stream.ts';
import { FunctionError, TransportError } from '../src/errors.ts';
import type { Choices } from './choices.ts';
import { demand } from './target.ts';
import { TestSink, TestSource } from './test-streams.ts';

/** What the outside was asked and has not answered; `answer` does so. */
interface Asked {
  readonly ended: AbortSignal;
  readonly answer: () => void;
}

export class GateCalls {
  static readonly MAX_EGRESS = 2;
  readonly #choices: Choices;
  readonly #ends: Promise<string>[] = [];
  readonly #gone: (() => void)[] = [];
  readonly #asked: Asked[] = [];
  readonly #signals: AbortSignal[] = [];
  /** What the outside and the callers write. */
  readonly #sources: TestSource[] = [];
  /** What the outside reads: bodies of outgoing requests, and connections. */
  readonly #read: ByteSource[] = [];
  readonly #sinks: TestSink[] = [];

  constructor(choices: Choices) {
    this.#choices = choices;
  }

  #body(of: string): Body {
    const choices = this.#choices;
    if (choices.chance(0.5)) return new Uint8Array(choices.pick([0, 10, 1000]));
    const source = new TestSource(of);
    this.#sources.push(source);
    return { source, length: choices.pick([null, 7]) };
  }

  #egressAnswer(): EgressAnswer {
    const choices = this.#choices;
    if (choices.chance(0.2)) return { error: 'DNS-error' };
    const isLarge = choices.chance(0.1);
    return {
      status: 200,
      headers: isLarge ? [['a', 'x'.repeat(LIMITS.frameHeadBytes)]] : [],
      body: this.#body('the answer from outside'),
    };
  }

  #connection(ended: AbortSignal): Connection | SocketFailure {
    if (this.#choices.chance(0.2)) return { error: 'connection-refused' };
    const [source, sink] = [new TestSource('the connection'), new TestSink(this.#choices.pick([0, 10, 1e6]))];
    this.#sources.push(source);
    this.#sinks.push(sink);
    // As the broker does: a connection that takes nothing more ends with its call.
    ended.addEventListener('abort', () => sink.abort());
    return { source, sink };
  }

  #later<T>(ended: AbortSignal, make: () => T): Promise<T> {
    this.#signals.push(ended);
    return new Promise((resolve) => this.#asked.push({ ended, answer: () => resolve(make()) }));
  }

  #terms(): CallTerms {
    return {
      deadlineMs: 1000,
      caller: this.#choices.pick(['a', 'b']),
      whenGone: (end) => void this.#gone.push(end),
      egress: (request, ended) => {
        demand(!ended.aborted, 'nothing goes out for a call that is over');
        if (!isWhole(request.body)) this.#read.push(request.body.source);
        return this.#later(ended, () => this.#egressAnswer());
      },
      sockets: (ended) => ({
        resolve: () => this.#later(ended, () => ['192.0.2.9']),
        connect: () => this.#later(ended, () => this.#connection(ended)),
      }),
    };
  }

  /** Calls the function once. */
  begin(running: FunctionProcess): void {
    const expects = this.#choices.chance(0.85) ? 'answer' : { trees: this.#choices.below(2) };
    const answered = async (): Promise<string> => {
      try {
        const answer = await running.call({}, this.#body('the query'), { ...this.#terms(), expects });
        if (answer.type === 'exit') return 'exit';
        const { body } = answer.response;
        if (isWhole(body)) return 'answer';
        this.#read.push(body.source);
        return 'streamed answer';
      } catch (error) {
        demand(
          error instanceof FunctionError || error instanceof TransportError,
          `a call ends as it may, and not by ${String(error)}`,
        );
        return error.code;
      }
    };
    this.#ends.push(answered());
  }

  /** Does something that callers or the outside may do. */
  act(): void {
    const choices = this.#choices;
    const what = choices.below(6);
    if (what < 2) {
      const [asked] = this.#asked.splice(choices.below(Math.max(this.#asked.length, 1)), 1);
      asked?.answer();
    } else if (what === 2 && this.#sources.length > 0) {
      choices.pick(this.#sources).change(choices.pick(['more', 'more', 'ended', 'failed']));
    } else if (what === 3 && this.#read.length > 0) {
      choices.pick(this.#read).take(choices.pick([1, 1000, LIMITS.windowBytes]));
    } else if (what === 4 && this.#read.length > 0) {
      choices.pick(this.#read).cancel();
    } else if (what === 5 && this.#sinks.length + this.#gone.length > 0) {
      choices.pick([...this.#sinks.map((sink) => () => sink.change(choices)), ...this.#gone])();
    }
  }

  /** Holds what is kept to its caps. */
  check(): void {
    const kept = this.#read.map((source) => source.available);
    demand(
      kept.every((bytes) => bytes <= LIMITS.windowBytes),
      'a body keeps one window at most',
    );
    const open = new Map<AbortSignal, number>();
    for (const { ended } of this.#asked) open.set(ended, (open.get(ended) ?? 0) + 1);
    // A call that asks both by HTTP and by socket has each of them so many times.
    for (const count of open.values()) demand(count <= 2 * GateCalls.MAX_EGRESS, 'what is asked at once has a cap');
  }

  /** Waits for the end of every call once their function is closed, and looks at what is left of them; names the ends. */
  async end(): Promise<string> {
    let ended = 0;
    for (const end of this.#ends) void end.then(() => ended++);
    for (let turn = 0; turn < 6; turn++) await nextTurn();
    demand(ended === this.#ends.length, 'every call ends');
    demand(
      this.#signals.every(({ aborted }) => aborted),
      'what a call has begun outside is ended with it',
    );
    // What the outside answers too late is let go, not kept.
    for (const { answer } of this.#asked.splice(0)) answer();
    for (let turn = 0; turn < 4; turn++) await nextTurn();
    for (const source of this.#read) demand(source.state !== 'open', 'no body is open behind its call');
    for (const { state, isRead, of } of this.#sources) {
      // A query that no child was given ends with its connection.
      const isUnbegun = !isRead && of === 'the query';
      demand(state !== 'open' || isUnbegun, `${of} is not read on behind its call`);
    }
    for (const sink of this.#sinks) demand(sink.state !== 'open', 'no connection is kept behind its call');
    return [...new Set(await Promise.all(this.#ends))].sort().join(', ');
  }
}
