/**
 * The host's ends of streams and futures. What a guest gives is read with a `StreamReader` or `FutureReader`; what the host gives is written
 * with a `StreamWriter`, which takes no more from its source than the guest has asked for.
 */
import { GivenItems, type Items, WantedItems } from './copy-buffer.ts';
import { COPY, SharedStream } from './shared.ts';

/** Reads what a guest, or another part of the host, writes. One read at a time. */
export class StreamReader {
  readonly shared: SharedStream;
  constructor(shared: SharedStream) {
    this.shared = shared;
  }

  /** Waits for at least one item and gives at most `max`; null when the writer is gone. */
  read(max: number): Promise<readonly Items[] | null> {
    const wanted = new WantedItems(max);
    return new Promise((resolve) => {
      this.shared.start(
        {
          side: 'read',
          buffer: wanted,
          progressed(release) {
            release();
            resolve(wanted.pieces);
          },
          ended: (how) => resolve(how === COPY.completed || wanted.done > 0 ? wanted.pieces : null),
        },
        null,
      );
    });
  }

  /** Waits for items and says how many its writer offers at once, without taking any; null when the writer is gone. */
  async offered(): Promise<number | null> {
    return (await this.read(0)) === null ? null : this.shared.offered;
  }

  /** Says that no more is wanted. */
  drop(): void {
    this.shared.drop();
  }
}

/** Reads the one value of a future. */
export class FutureReader {
  readonly shared: SharedStream;
  constructor(shared: SharedStream) {
    this.shared = shared;
  }

  /** Waits for the value; null when its writer is over and never wrote it. */
  read(): Promise<{ readonly value: unknown } | null> {
    const wanted = new WantedItems(1);
    return new Promise((resolve) => {
      const finish = (): void => resolve(wanted.done > 0 ? { value: wanted.pieces[0]?.[0] } : null);
      this.shared.start({ side: 'read', buffer: wanted, progressed: finish, ended: finish }, null);
    });
  }

  drop(): void {
    this.shared.drop();
  }
}

/** Writes to a guest, or to another part of the host. One write at a time. */
export class StreamWriter {
  readonly #shared: SharedStream;
  constructor(shared: SharedStream) {
    this.#shared = shared;
  }

  /** True when nobody will read any more. */
  get isDropped(): boolean {
    return this.#shared.isDropped;
  }

  /** Items that the reader waits for just now. */
  get wanted(): number {
    return this.#shared.wanted;
  }

  /** True when the reader only wants to hear when there are items. */
  get isProbed(): boolean {
    return this.#shared.isProbed;
  }

  /** Tells it that there are. */
  answerProbe(): void {
    this.#shared.answerProbe();
  }

  /** Waits until the reader wants items, or to hear of them, or is gone. */
  async ready(): Promise<void> {
    while (!this.isDropped && !this.isProbed && this.wanted === 0) await this.write([]);
  }

  /** Writes items; resolves with how many were taken when all were, or when the reader is gone. */
  async write(items: Items): Promise<number> {
    const given = new GivenItems(items);
    for (;;) {
      const how = await new Promise<number>((resolve) => {
        this.#shared.start(
          {
            side: 'write',
            buffer: given,
            progressed(release) {
              release();
              resolve(COPY.completed);
            },
            ended: resolve,
          },
          null,
        );
      });
      if (how === COPY.dropped || given.left === 0) return given.done;
    }
  }

  /** Runs something when the reader goes. */
  onDropped(run: () => void): void {
    this.#shared.onDropped = run;
  }

  /** Says that this was all. */
  end(): void {
    this.#shared.drop();
  }
}

/** A stream that the host gives: `start` is called when its reader exists. */
export class GivenStream {
  readonly start: (writer: StreamWriter) => void;
  constructor(start: (writer: StreamWriter) => void) {
    this.start = start;
  }
}

/** A future that the host gives, with its value to be; one that never comes makes its reader wait until the call's end. */
export class GivenFuture {
  readonly value: Promise<unknown>;
  constructor(value: Promise<unknown>) {
    this.value = value;
  }
}
