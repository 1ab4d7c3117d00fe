/**
 * Places that several callers share: each may have as many as are still free, so nobody takes the last ones from somebody who has none yet. One
 * alone gets half of them, two a third each. Who a caller is, is decided elsewhere.
 */
export class FairSlots {
  readonly #size: number;
  readonly #held = new Map<string, number>();
  #taken = 0;
  constructor(size: number) {
    this.#size = size;
  }

  /** Takes a place; false when this caller has its share. */
  take(caller: string): boolean {
    const held = this.#held.get(caller) ?? 0;
    if (held >= this.#size - this.#taken) return false;
    this.#held.set(caller, held + 1);
    this.#taken += 1;
    return true;
  }

  /** Gives back a place that was taken. */
  give(caller: string): void {
    const held = this.#held.get(caller) ?? 0;
    if (held === 0) return;
    if (held === 1) this.#held.delete(caller);
    else this.#held.set(caller, held - 1);
    this.#taken -= 1;
  }
}
