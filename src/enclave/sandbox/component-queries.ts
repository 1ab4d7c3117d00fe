/**
 * How a query is put to what a component exports, for each kind that answers queries, and how what comes of it becomes the answer: a WASI 0.2
 * handler, a WASI 0.3 service, or a function of bytes.
 */
import { LIMITS } from '../../base/limits.ts';
import { openAnswer } from './answer.ts';
import { type BytesShape, findBytesShape, readInput } from './bytes-shape.ts';
import type { ComponentInstance } from './component/instance.ts';
import type { LiftedFunction, Plan } from './component/plan.ts';
import type { FunctionKind } from './grants.ts';
import type { QueryHost } from './guest.ts';
import type { QueryCall } from './query-call.ts';
import type { FunctionRequest, FunctionResponse } from './sandbox.ts';
import { callService } from './service-call.ts';
import { findGuestFunction } from './wasi/host.ts';
import { IncomingRequest } from './wasi/http-messages.ts';
import type { ResponseOutparam } from './wasi/http-outgoing.ts';

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

type CallGuest = (
  instance: QueryInstance,
  handle: LiftedFunction,
  query: FunctionRequest,
  outparam: ResponseOutparam,
) => Promise<boolean>;

/** Has a WASI 0.3 service answer, which may go on for a while after it has. */
const askService: CallGuest = ({ component, call }, handle, query, outparam) =>
  callService(component, call, handle, query, outparam);

/** Has a WASI 0.2 function answer, which is done when it returns. */
const askHandler: CallGuest = ({ component }, handle, query, outparam) =>
  component.call(handle, [new IncomingRequest(query), outparam]).then(() => true);

function openHttpShape(handle: LiftedFunction, callGuest: CallGuest): QueryShape {
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
  if (service !== null) return openHttpShape(service, askService);
  const handler = findGuestFunction(plan, 'wasi:http/incoming-handler', 'handle');
  return handler === null ? null : openHttpShape(handler, askHandler);
}
