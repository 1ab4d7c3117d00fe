/** What all sockets of one call share: the way out, and what the call may still have. */
import { LIMITS } from '../../../base/limits.ts';
import { BytePipe } from './byte-pipe.ts';
import { Meter } from './meter.ts';
import type { Outside } from './outside.ts';

export class SharedParts {
  readonly outside: Outside;
  /** Sockets that a guest holds, or that wait for it to accept them. */
  readonly sockets: Meter = new Meter(LIMITS.callSockets);
  readonly #pipes = new Meter(LIMITS.callSockets);

  constructor(outside: Outside) {
    this.outside = outside;
  }

  /** Makes both directions of a connection inside the call; null when the call has too many. */
  openPipes(): readonly [BytePipe, BytePipe] | null {
    if (!this.#pipes.take()) return null;
    if (!this.#pipes.take()) {
      this.#pipes.give();
      return null;
    }
    const open = (): BytePipe => new BytePipe(LIMITS.socketWindowBytes, () => this.#pipes.give());
    return [open(), open()];
  }
}
