/** Wakes whoever waits for something to change. Who waits looks first, then waits, then looks again; so one waking may be one too many, never one too few. */
export class Changes {
  #changed = false;
  #next: PromiseWithResolvers<void> | null = null;

  /** Says that something changed. */
  notify(): void {
    this.#changed = this.#next === null;
    this.#next?.resolve();
    this.#next = null;
  }

  /** Resolves at the next change, or at once when there was one since the last call. */
  wait(): Promise<void> {
    if (this.#changed) {
      this.#changed = false;
      return Promise.resolve();
    }
    this.#next ??= Promise.withResolvers<void>();
    return this.#next.promise;
  }
}
