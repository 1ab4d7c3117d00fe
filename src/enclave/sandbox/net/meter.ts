/** Counts what one call may have at the same time of something. */
export class Meter {
  #left: number;
  constructor(most: number) {
    this.#left = most;
  }

  /** Takes one; false when none is left. */
  take(): boolean {
    if (this.#left === 0) return false;
    this.#left -= 1;
    return true;
  }

  /** Gives one back. */
  give(): void {
    this.#left += 1;
  }
}
