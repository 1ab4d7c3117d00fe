/** What the gate knows of a running function: call it, close it. Where and how it runs is the sandbox's own business. */
import type { Body } from './body.ts';
import type { OpenSocketEgress } from './socket-egress.ts';

/** One header field; names are lower case. */
export type HeaderField = readonly [name: string, value: string];

/** A query as the function sees it: the path without the function's own segment, and nothing that proves who the caller is. */
export interface FunctionRequest {
  readonly method: string;
  /** Begins with `/`; with query string. */
  readonly path: string;
  readonly authority: string;
  readonly headers: readonly HeaderField[];
  readonly body: Body;
}

export interface FunctionResponse {
  readonly status: number;
  readonly headers: readonly HeaderField[];
  readonly body: Body;
}

/** An answer that is all here. */
export interface WholeResponse extends FunctionResponse {
  readonly body: Uint8Array;
}

/** What a function asks of the world outside, through wasi:http/outgoing-handler. */
export interface EgressRequest {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly headers: readonly HeaderField[];
  readonly body: Body;
}

/** One whose body is all here. */
export interface WholeEgressRequest extends EgressRequest {
  readonly body: Uint8Array;
}

/** A refusal or failure as wasi:http names it, for example `HTTP-request-denied`, `DNS-error`, `connection-refused`. */
export interface EgressFailure {
  readonly error: string;
}

export type EgressAnswer = FunctionResponse | EgressFailure;

/**
 * The only way out, handed in by the gate; never rejects. `ended` ends what is under way, because nothing goes out for a call that is over;
 * whoever gets a streamed answer reads or cancels it.
 */
export type Egress = (request: EgressRequest, ended: AbortSignal) => Promise<EgressAnswer>;

/** What a call is allowed, and who is answerable for it. */
export interface CallTerms {
  /** For the whole call, to the last byte of its answer. */
  readonly deadlineMs: number;
  readonly egress: Egress;
  readonly sockets: OpenSocketEgress;
  /** Who asks, for counting whose calls end processes; the function never hears of it. */
  readonly caller: string;
  /** Is given what ends the call when nobody waits for its answer any more. */
  readonly whenGone: (end: () => void) => void;
}

/** One loaded function: its process is made at load, replaced when it dies, and killed at a deadline. */
export interface LoadedFunction {
  /**
   * Calls the function once. A streamed answer is read or cancelled by whoever gets it; the call, and its deadline, last until then.
   * @throws FunctionError ERR_FUNCTION_TRAP, _DEADLINE, _UNAVAILABLE, _CIRCUIT or _PROTOCOL; the worker goes on after each.
   * @throws TransportError ERR_TRANSPORT_CLOSED when the body of the query broke off, or nobody waits any more
   */
  call(request: FunctionRequest, options: CallTerms): Promise<FunctionResponse>;
  close(): Promise<void>;
}
