/**
 * The error classes: one per family, all under `EnclaveError`, each with a `code` from the table in error-table.ts.
 * Nothing in the project throws a bare `Error` for input that someone else controls; a library's exception is kept as `cause`.
 */
import type { Appraisal } from './appraisal.ts';
import {
  type ConfigurationCode,
  ERRORS,
  type ErrorCode,
  type ErrorEntry,
  type FunctionCode,
  type InvalidEnclaveCodeCode,
  type NotAnEnclaveCode,
  type NotIsolatedEnclaveCode,
  type PolicyCode,
  type SecretCode,
  type TransportCode,
} from './error-table.ts';

export type { ErrorCode, ErrorEntry };
export { ERRORS };

/** Base of every error of the project: `code` says which row of the table, `hint` what to do about it. */
export class EnclaveError<C extends ErrorCode = ErrorCode> extends Error {
  readonly code: C;
  constructor(code: C, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = ERRORS[code].family;
  }
  /** Says what a person can do about it. */
  get hint(): string {
    return ERRORS[this.code].action;
  }
  /** Exit code of the CLI. */
  get exit(): number {
    return ERRORS[this.code].exit;
  }
  /** HTTP status a worker answers with. */
  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** The base of the three verdicts: carries every check that was made, with expected and actual. */
abstract class VerdictError<C extends ErrorCode> extends EnclaveError<C> {
  readonly appraisal: Appraisal;
  constructor(code: C, message: string, appraisal: Appraisal, options?: ErrorOptions) {
    super(code, message, options);
    this.appraisal = appraisal;
  }
}

/** Says that the other end is not proven to be a genuine enclave that is alive and holds this very connection. */
export class NotAnEnclaveError extends VerdictError<NotAnEnclaveCode> {}

/** Says that the enclave is genuine, but runs an image or a function that the client does not list. */
export class InvalidEnclaveCodeError extends VerdictError<InvalidEnclaveCodeCode> {}

/** Says that enclave and code are right, but the isolation that the client demands is not in force. */
export class NotIsolatedEnclaveError extends VerdictError<NotIsolatedEnclaveCode> {}

/** Says that an owner policy cannot be read, or refuses something. */
export class PolicyError extends EnclaveError<PolicyCode> {}

/** Says that a function could not be loaded or did not answer; `retryAfterSeconds` is there where it is known when to come back. */
export class FunctionError extends EnclaveError<FunctionCode> {
  readonly retryAfterSeconds: number | null;
  constructor(
    code: FunctionCode,
    message: string,
    options: ErrorOptions & { readonly retryAfterSeconds?: number } = {},
  ) {
    super(code, message, options);
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
}

/** Says that a key or secret could not be used. */
export class SecretError extends EnclaveError<SecretCode> {}

/** Says that the network failed: never a verdict, and the only family worth a retry. */
export class TransportError extends EnclaveError<TransportCode> {
  readonly retryable: true = true;
}

/** Says that the caller of the library or the command line asked for something that cannot be done. */
export class ConfigurationError extends EnclaveError<ConfigurationCode> {}
