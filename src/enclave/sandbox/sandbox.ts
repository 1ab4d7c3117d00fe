/** What the gate knows of a running function: call it, close it. Where and how it runs is the sandbox's own business. */

/** One header field; names are lower case. */
export type HeaderField = readonly [name: string, value: string];

/** A query as the function sees it: the path without the function's own segment, and nothing that proves who the caller is. */
export interface FunctionRequest {
  readonly method: string;
  /** Begins with `/`; with query string. */
  readonly path: string;
  readonly authority: string;
  readonly headers: readonly HeaderField[];
  readonly body: Uint8Array;
}

export interface FunctionResponse {
  readonly status: number;
  readonly headers: readonly HeaderField[];
  readonly body: Uint8Array;
}

/** What a function asks of the world outside, through wasi:http/outgoing-handler. */
export interface EgressRequest {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly headers: readonly HeaderField[];
  readonly body: Uint8Array;
}

/** A refusal or failure as wasi:http names it, for example `HTTP-request-denied`, `DNS-error`, `connection-refused`. */
export interface EgressFailure {
  readonly error: string;
}

export type EgressAnswer = FunctionResponse | EgressFailure;

/** What a guest asks by; never rejects: a refusal is an answer. */
export type AskOutside = (request: EgressRequest) => Promise<EgressAnswer>;

/** The only way out, handed in by the gate; never rejects. `ended` ends what is under way, because nothing goes out for a call that is over. */
export type Egress = (request: EgressRequest, ended: AbortSignal) => Promise<EgressAnswer>;

/** What a call is allowed, and who is answerable for it. */
export interface CallTerms {
  readonly deadlineMs: number;
  readonly egress: Egress;
  /** Who asks, for counting whose calls end processes; the function never hears of it. */
  readonly caller: string;
}

/** One loaded function: its process is made at load, replaced when it dies, and killed at a deadline. */
export interface LoadedFunction {
  /**
   * Calls the function once.
   * @throws FunctionError ERR_FUNCTION_TRAP, _DEADLINE, _UNAVAILABLE, _CIRCUIT or _PROTOCOL; the worker goes on after each.
   */
  call(request: FunctionRequest, options: CallTerms): Promise<FunctionResponse>;
  close(): Promise<void>;
}
