/** Wakes who waits for a stream to change. It wakes once too often rather than once too seldom, so whoever waits looks again. */

export class ChangeSignal {
  #waiting: PromiseWithResolvers<void> | null = null;
  #changed = false;

  /** Resolves at the next change, or at once when there was one since the last call. */
  changed(): Promise<void> {
    if (this.#changed) {
      this.#changed = false;
      return Promise.resolve();
    }
    this.#waiting ??= Promise.withResolvers<void>();
    return this.#waiting.promise;
  }

  /** Says that something changed. */
  notify(): void {
    if (this.#waiting === null) {
      this.#changed = true;
      return;
    }
    const { resolve } = this.#waiting;
    this.#waiting = null;
    resolve();
  }
}
