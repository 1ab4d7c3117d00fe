/**
 * What the host functions of one instance know of the query that it answers just now. An instance is linked once, maybe before there is any
 * query, and may answer several; so what belongs to a query is behind this, and is nothing between two of them.
 */
import { emptyTree, type GivenFiles } from './files/mount.ts';
import { type CallTerms, type Given, LOG_BYTES, NO_EGRESS, openTerms } from './guest-call.ts';
import { Network } from './net/network.ts';
import type { GuestCall, Outside } from './wasi/call.ts';
import { type Allowance, OutputBuffer } from './wasi/output-buffer.ts';
import type { Surroundings } from './wasi/surroundings.ts';

const NOTHING = new Uint8Array(0);

export class QueryCall implements GuestCall {
  readonly args: readonly string[] = [];
  readonly env: GuestCall['env'];
  readonly mounts: GuestCall['mounts'];
  readonly #idle: Surroundings;
  #network: Network | null = null;
  #noCall: CallTerms | null = null;
  #called: CallTerms | null = null;
  readonly #logAllowance: Allowance = { leftBytes: 0 };
  /** A guest opens its streams once and keeps them; what it writes to them is only a log, which stays one for all its queries. */
  readonly #log = new OutputBuffer(this.#logAllowance, () => undefined);

  /** Begins with no query; until there is one, and after it, a guest sees these surroundings. */
  constructor(files: GivenFiles, env: GuestCall['env'], surroundings: Surroundings) {
    this.#idle = surroundings;
    this.env = env;
    this.mounts = files(() => this.surroundings.wallNanos());
  }

  /** A guest that is called by nobody has no way out, nothing to read, and nothing to write. */
  get #now(): CallTerms {
    if (this.#called !== null) return this.#called;
    this.#noCall ??= openTerms({ outside: NO_EGRESS, stdin: NOTHING, surroundings: this.#idle }, 0);
    return this.#noCall;
  }

  /** Sockets that a guest keeps from one query to the next count for all of them; the way out is always that of the query now. */
  get network(): Network {
    this.#network ??= new Network({
      connect: (remote) => this.sockets.connect(remote),
      resolve: (name) => this.sockets.resolve(name),
    });
    return this.#network;
  }

  get stdin(): GuestCall['stdin'] {
    return this.#now.stdin;
  }
  get stdout(): OutputBuffer {
    return this.#log;
  }
  get stderr(): OutputBuffer {
    return this.#log;
  }
  get egress(): Outside['egress'] {
    return this.#now.egress;
  }
  get beginEgress(): Outside['beginEgress'] {
    return this.#now.beginEgress;
  }
  get sockets(): Outside['sockets'] {
    return this.#now.sockets;
  }
  get surroundings(): GuestCall['surroundings'] {
    return this.#now.surroundings;
  }
  get forRequests(): Allowance {
    return this.#now.forRequests;
  }
  get forAnswers(): Allowance {
    return this.#now.forAnswers;
  }
  get exceeded(): () => void {
    return this.#now.exceeded;
  }
  get departing(): GuestCall['departing'] {
    return this.#now.departing;
  }
  get exited(): (exitCode: number) => void {
    return this.#now.exited;
  }

  /** Begins a query whose guest may write so many bytes as its answer; gives the end that comes before the answer. */
  begin(
    given: Pick<Given, 'outside' | 'surroundings'>,
    outputBytes: number,
  ): Pick<CallTerms, 'ended' | 'cancel' | 'fail'> {
    const called = openTerms({ stdin: NOTHING, ...given }, outputBytes);
    this.#called = called;
    this.#logAllowance.leftBytes = LOG_BYTES;
    return called;
  }

  /** Ends the query, and gives what its guest wrote to its streams. */
  end(): string {
    this.#called = null;
    // A guest may keep the directory, but nothing that is in it.
    for (const mount of this.mounts) if (mount.root.volume.writable) emptyTree(mount);
    this.#logAllowance.leftBytes = 0;
    const written = this.#log.take();
    return written.length === 0 ? '' : Buffer.from(written).toString();
  }
}
