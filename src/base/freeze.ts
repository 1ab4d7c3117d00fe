/** Makes tables that decide trust unchangeable at run time, so that no code in the same process can widen them by accident. */

/** Freezes an object and everything below it, and gives it back. */
export function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null) deepFreeze(part as object);
  }
  return Object.freeze(value);
}
