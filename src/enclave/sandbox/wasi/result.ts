/** WIT values as host functions take and give them. A host function returns a `Result` and never throws one: what it throws is a trap. */

/** A WIT `result`. */
export type Result<T, E> = { readonly tag: 'ok'; readonly val: T } | { readonly tag: 'err'; readonly val: E };

/** A WIT variant whose cases may carry a payload. */
export interface Variant {
  readonly tag: string;
  readonly val?: unknown;
}

/** Makes the good case of a result. */
export function ok<T>(val: T): Result<T, never> {
  return { tag: 'ok', val };
}

/** Makes the bad case of a result. */
export function err<E>(val: E): Result<never, E> {
  return { tag: 'err', val };
}

/** The good case of a result without a value. */
export const DONE: Result<undefined, never> = ok(undefined);

/** Makes the class of a resource that has no methods, because a guest can never hold one that does anything. */
export function makeEmptyResource(): new () => object {
  return class {
    readonly empty = true;
  };
}
