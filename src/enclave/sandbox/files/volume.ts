/**
 * What the nodes of one tree share: whether it may change, what it may still hold, its clock and its serial numbers. It knows nothing of
 * names. Bytes count by the size that a file shows, so a hole costs as much as what would fill it.
 */
import { FileError } from './file-error.ts';

/** What a tree may hold; both are needed, none has a hidden default. */
export interface VolumeLimits {
  /** Contents, names and targets of links together, in bytes. */
  readonly bytes: number;
  /** Names in all directories together. */
  readonly entries: number;
}

export interface VolumeOptions {
  /** Tells this tree from the others of the same guest. */
  readonly device: bigint;
  readonly writable: boolean;
  readonly limits: VolumeLimits;
  /** Gives the time in nanoseconds since 1970. */
  readonly now: () => bigint;
}

export class Volume {
  readonly device: bigint;
  readonly writable: boolean;
  readonly limits: VolumeLimits;
  readonly now: () => bigint;
  #bytesLeft: number;
  #entriesLeft: number;
  #lastSerial = 0n;

  constructor({ device, writable, limits, now }: VolumeOptions) {
    this.device = device;
    this.writable = writable;
    this.limits = limits;
    this.now = now;
    this.#bytesLeft = limits.bytes;
    this.#entriesLeft = limits.entries;
  }

  get bytesLeft(): number {
    return this.#bytesLeft;
  }

  get entriesLeft(): number {
    return this.#entriesLeft;
  }

  /** Gives a number that no other node of this tree has had. */
  nextSerial(): bigint {
    this.#lastSerial += 1n;
    return this.#lastSerial;
  }

  /** @throws FileError read-only */
  needWritable(): void {
    if (!this.writable) throw new FileError('read-only');
  }

  /** Takes from what is left; a negative number gives back. @throws FileError insufficient-space */
  takeBytes(count: number): void {
    if (count > this.#bytesLeft) throw new FileError('insufficient-space');
    this.#bytesLeft -= count;
  }

  /** Takes the room of one more name. @throws FileError insufficient-space */
  takeEntry(nameBytes: number): void {
    if (this.#entriesLeft === 0) throw new FileError('insufficient-space');
    this.takeBytes(nameBytes);
    this.#entriesLeft -= 1;
  }

  giveEntry(nameBytes: number): void {
    this.takeBytes(-nameBytes);
    this.#entriesLeft += 1;
  }
}
