/**
 * The sockets of one call on the gate's side: passes what its child asks to the gate's broker, and the bytes of its connections both ways. A
 * child that asks for more at the same time than it may is refused, and nothing of it outlives the call.
 */
import { LIMITS } from '../../base/limits.ts';
import { pour } from './body.ts';
import type { Head } from './frame-head.ts';
import { FRAME } from './messages.ts';
import type { Connection } from './net/outside.ts';
import type { OpenBodies } from './open-bodies.ts';
import type { SocketEgress } from './socket-egress.ts';
import { type SocketRequest, writeConnectAnswer, writeLookupAnswer } from './socket-messages.ts';

export interface SocketPassageOptions {
  readonly egress: SocketEgress;
  /** Lookups and connections at the same time. */
  readonly maxOpen: number;
  readonly bodies: OpenBodies;
  /** Sends a frame to the child; resolves when it is taken. */
  readonly send: (type: number, head: Head) => Promise<void>;
  readonly ended: AbortSignal;
}

function giveUp({ source, sink }: Connection): void {
  sink.abort();
  source.cancel();
}

export class SocketPassage {
  readonly #options: SocketPassageOptions;
  #open = 0;
  constructor(options: SocketPassageOptions) {
    this.#options = options;
  }

  /** Takes what the child asks. */
  take(request: SocketRequest): void {
    this.#open += 1;
    const isRefused = this.#open > this.#options.maxOpen;
    const passed =
      request.type === 'lookup'
        ? this.#lookUp(request.number, request.name, isRefused)
        : this.#connect(request.number, request.address, request.port, isRefused);
    void passed.finally(() => {
      this.#open -= 1;
    });
  }

  async #lookUp(number: number, name: string, isRefused: boolean): Promise<void> {
    const { egress, send, ended } = this.#options;
    const answer = isRefused ? ({ error: 'new-socket-limit' } as const) : await egress.resolve(name);
    if (!ended.aborted) await send(FRAME.lookupAnswer, writeLookupAnswer(number, answer));
  }

  async #connect(number: number, address: string, port: number, isRefused: boolean): Promise<void> {
    const { egress, bodies, send, ended } = this.#options;
    const given = isRefused ? ({ error: 'new-socket-limit' } as const) : await egress.connect(address, port);
    if (ended.aborted) {
      if (!('error' in given)) giveUp(given);
      return;
    }
    if ('error' in given) return await send(FRAME.connectAnswer, writeConnectAnswer(number, given.error));
    // Both ends exist before the child hears of them, so that whatever it says of them is expected.
    const there = bodies.read(number);
    const back = bodies.write(number);
    const told = send(FRAME.connectAnswer, writeConnectAnswer(number, null));
    await Promise.all([pour(there, given.sink, LIMITS.pieceBytes), pour(given.source, back, LIMITS.pieceBytes), told]);
    await back.over;
  }
}
