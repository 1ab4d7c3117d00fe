/**
 * One call in the function's own process: its bodies, its outgoing requests, and what it sends. After its end nothing more is sent in its
 * name. The gate is trusted, so what it says of bodies is not judged here.
 */
import type { Body } from './body.ts';
import type { BodyWriter } from './body-writer.ts';
import { ChildSockets } from './child-sockets.ts';
import { encodeFrame } from './frame.ts';
import type { Head } from './frame-head.ts';
import type { QueryHost } from './guest.ts';
import { CLOSED } from './guest-call.ts';
import {
  type BodyMessage,
  type EgressAnswerOnWire,
  FRAME,
  type OnWire,
  type WireBody,
  writeEgressHead,
  writeResponseHead,
} from './messages.ts';
import { type OpenBodies, openBodies } from './open-bodies.ts';
import type { EgressAnswer, EgressRequest, FunctionRequest } from './sandbox.ts';

/** Outgoing requests that wait for the gate: a guest that never looks for an answer must not pile up more. */
const MAX_WAITING = 256;

interface Asked {
  /** null when the gate was not asked. */
  readonly number: number | null;
  readonly answer: Promise<EgressAnswer>;
}

function refuse(code: string): Asked {
  return { number: null, answer: Promise.resolve({ error: code }) };
}

export interface ChildCall {
  readonly host: QueryHost;
  /** Gives a query with the body that comes with it or after it. */
  requestOf(request: OnWire<FunctionRequest>): FunctionRequest;
  /** Takes what egress answered to the request of that number. */
  takeEgress(number: number, answer: EgressAnswerOnWire): void;
  takeBody(message: BodyMessage): void;
  readonly sockets: ChildSockets;
  end(): void;
}

/** Opens a call; `send` takes its frames. */
export function openChildCall(call: number, send: (frame: Uint8Array) => void): ChildCall {
  const waiting = new Map<number, (answer: EgressAnswer) => void>();
  let lastEgress = 0;
  let bodies: OpenBodies | null = null;
  let isOver = false;

  function theBodies(): OpenBodies {
    bodies ??= openBodies(call, send);
    return bodies;
  }

  function bodyOf(number: number, body: WireBody): Body {
    return body instanceof Uint8Array ? body : { source: theBodies().read(number), length: body.length };
  }

  function ask(request: OnWire<EgressRequest>): Asked {
    if (isOver) return refuse('internal-error');
    if (waiting.size >= MAX_WAITING) return refuse('connection-limit-reached');
    lastEgress += 1;
    const number = lastEgress;
    const { promise: answer, resolve } = Promise.withResolvers<EgressAnswer>();
    waiting.set(number, resolve);
    const whole = request.body instanceof Uint8Array ? request.body : undefined;
    send(encodeFrame(FRAME.egress, call, writeEgressHead(number, request), whole));
    return { number, answer };
  }

  const sockets = new ChildSockets({
    nextNumber() {
      if (isOver) return null;
      lastEgress += 1;
      return lastEgress;
    },
    send: (type, head) => send(encodeFrame(type, call, head)),
    bodies: theBodies,
  });

  const host: QueryHost = {
    sockets,
    egress: (request) => ask(request).answer,
    beginEgress(head, held) {
      const { number, answer } = ask(head);
      if (number === null) return { answer, body: CLOSED };
      const body: BodyWriter = theBodies().write(number);
      body.begin(held);
      return { answer, body };
    },
    beginAnswer(head) {
      send(encodeFrame(FRAME.answer, call, writeResponseHead(head)));
      return theBodies().write(0);
    },
    log: (text) => send(encodeFrame(FRAME.log, call, { text } satisfies Head)),
  };

  return {
    host,
    sockets,
    requestOf: (request) => ({ ...request, body: bodyOf(0, request.body) }),
    takeEgress(number, answer) {
      const resolve = waiting.get(number);
      waiting.delete(number);
      resolve?.('error' in answer ? answer : { ...answer, body: bodyOf(number, answer.body) });
    },
    takeBody: (message) => void bodies?.take(message),
    end() {
      isOver = true;
      waiting.clear();
      sockets.end();
      bodies?.close();
    },
  };
}
