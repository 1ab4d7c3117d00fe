/**
 * How a query is put to what a component exports, for each kind that answers queries, and how what comes of it becomes the answer: a WASI 0.2
 * handler, a WASI 0.3 service, or a function of bytes.
 */
import { LIMITS } from '../../base/limits.ts';
import { openAnswer } from './answer.ts';
import { type BytesShape, findBytesShape, readInput } from './bytes-shape.ts';
import { yieldToOthers } from './component/async/wait.ts';
import type { ComponentInstance } from './component/instance.ts';
import type { LiftedFunction, Plan } from './component/plan.ts';
import type { FunctionKind } from './grants.ts';
import type { QueryHost } from './guest.ts';
import type { QueryCall } from './query-call.ts';
import type { FunctionRequest, FunctionResponse } from './sandbox.ts';
import { findGuestFunction } from './wasi/host.ts';
import { IncomingRequest } from './wasi/http-messages.ts';
import type { ResponseOutparam } from './wasi/http-outgoing.ts';
import { answerQuery, receiveQuery } from './wasi/p3/http.ts';
import type { Response } from './wasi/p3/http-messages.ts';
import type { Result, Variant } from './wasi/result.ts';

/** An instance that answers queries. */
export interface QueryInstance {
  readonly component: ComponentInstance;
  readonly call: QueryCall;
}

/** One query on its way through an instance. */
export interface OpenedQuery {
  /** Resolves when the guest has answered; tells whether it is done by then. */
  run(instance: QueryInstance): Promise<boolean>;
  /** Gives the answer once it has run, or null when all of it has gone out; `ended` is the end of its call. */
  answer(ended: Promise<number>): Promise<FunctionResponse | null>;
}

/** How queries are put to an export; `fail` ends the call. */
export type QueryShape = (request: FunctionRequest, host: QueryHost, fail: (reason: string) => void) => OpenedQuery;

/** Has a WASI 0.3 service answer: its call is over when its answer is complete. Tells whether the guest is done by then. */
async function callService(
  { component, call }: QueryInstance,
  handle: LiftedFunction,
  query: FunctionRequest,
  outparam: ResponseOutparam,
): Promise<boolean> {
  const { returned, exited } = component.start(handle, [receiveQuery(query)]);
  let isDone = false;
  const over = exited.then(() => {
    isDone = true;
  });
  const answering = returned.then((result) => answerQuery(call, outparam, result as Result<Response, Variant>));
  // A guest that ends in a trap never finishes its answer.
  await Promise.race([answering, over.then(() => answering)]);
  await Promise.race([over, yieldToOthers()]);
  return isDone;
}

/** Has a WASI 0.2 function answer, which is done when it returns. */
async function callHandler(
  { component }: QueryInstance,
  handle: LiftedFunction,
  query: FunctionRequest,
  outparam: ResponseOutparam,
): Promise<boolean> {
  await component.call(handle, [new IncomingRequest(query), outparam]);
  return true;
}

function openHttpShape(handle: LiftedFunction, callGuest: typeof callHandler): QueryShape {
  return (request, host, fail) => {
    const answer = openAnswer(host, fail);
    return {
      run: (instance) => callGuest(instance, handle, request, answer.outparam),
      answer: async (ended) => answer.response() ?? (await Promise.race([answer.sent(), ended.then(() => null)])),
    };
  };
}

function openBytesShape(shape: BytesShape, outputBytes: number): QueryShape {
  return ({ body }, host) => {
    let returned: unknown;
    return {
      async run({ component }) {
        returned = await component.call(shape.func, [await readInput(body)]);
        return true;
      },
      async answer(ended) {
        const response = shape.answer(returned, outputBytes);
        if (response.body.length <= LIMITS.pieceBytes) return response;
        const writer = host.beginAnswer({ ...response, body: { length: response.body.length } });
        writer.begin(response.body);
        writer.end();
        await Promise.race([writer.over, ended]);
        return null;
      },
    };
  };
}

/** Finds what queries of this kind are put to; null when the component exports nothing of exactly its type. */
export function findQueryShape(plan: Plan, kind: FunctionKind, outputBytes: number): QueryShape | null {
  if (kind === 'bytes') {
    const shape = findBytesShape(plan);
    return shape === null ? null : openBytesShape(shape, outputBytes);
  }
  if (kind !== 'http') return null;
  const service = findGuestFunction(plan, 'wasi:http/handler@0.3', 'handle');
  if (service !== null) return openHttpShape(service, callService);
  const handler = findGuestFunction(plan, 'wasi:http/incoming-handler', 'handle');
  return handler === null ? null : openHttpShape(handler, callHandler);
}
