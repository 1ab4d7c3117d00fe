/**
 * Values by number, for what comes and goes all the time. A Map leaves a table behind whenever many were deleted, and each one points to the next:
 * once the engine holds the first for old, all of them and everything in them stay until its next full collection. A plain object has no such chain.
 */

/** Values by whole numbers from 0 to 2^32 - 1. */
export class NumberTable<Value> {
  readonly #values: Record<number, Value> = Object.create(null) as Record<number, Value>;

  get(key: number): Value | undefined {
    return this.#values[key];
  }
  set(key: number, value: Value): void {
    this.#values[key] = value;
  }
  delete(key: number): void {
    Reflect.deleteProperty(this.#values, key);
  }
  /** Gives all of them, by their numbers. */
  values(): Value[] {
    return Object.values(this.#values);
  }
}
