/** wasi:http/types fields and request-options of WASI 0.3. [WASI 0.3.0 wasi:http/types] */

import { Fields as Fields2 } from '../http-fields.ts';
import { DONE, err, ok, type Result, type Variant } from '../result.ts';

type Entry = readonly [name: string, value: Uint8Array];

/** wasi:http/types fields: those of WASI 0.2, with other names for two of its functions. */
export class Fields {
  readonly #fields: Fields2;
  constructor(_call: unknown, fields: Fields2 = new Fields2()) {
    this.#fields = fields;
  }
  static fromList(call: unknown, entries: readonly Entry[]): Result<Fields, Variant> {
    const made = Fields2.fromList(call, entries);
    return made.tag === 'ok' ? ok(new Fields(call, made.val)) : made;
  }
  /** What the rest of the host works with. */
  get inner(): Fields2 {
    return this.#fields;
  }
  get(name: string): readonly Uint8Array[] {
    return this.#fields.get(name);
  }
  has(name: string): boolean {
    return this.#fields.has(name);
  }
  set(name: string, values: readonly Uint8Array[]): Result<undefined, Variant> {
    return this.#fields.set(name, values);
  }
  delete(name: string): Result<undefined, Variant> {
    return this.#fields.delete(name);
  }
  getAndDelete(name: string): Result<readonly Uint8Array[], Variant> {
    const values = this.#fields.get(name);
    const deleted = this.#fields.delete(name);
    return deleted.tag === 'ok' ? ok(values) : deleted;
  }
  append(name: string, value: Uint8Array): Result<undefined, Variant> {
    return this.#fields.append(name, value);
  }
  copyAll(): readonly Entry[] {
    return this.#fields.entries();
  }
  clone(): Fields {
    return new Fields(null, this.#fields.clone());
  }
}

const IMMUTABLE: Result<never, Variant> = err({ tag: 'immutable' });

interface Timeouts {
  connect: bigint | undefined;
  firstByte: bigint | undefined;
  betweenBytes: bigint | undefined;
}

/** wasi:http/types request-options; those of a request can no longer be changed. */
export class RequestOptions {
  readonly #timeouts: Timeouts;
  readonly #isImmutable: boolean;
  constructor(
    _call: unknown,
    timeouts: Readonly<Timeouts> = { connect: undefined, firstByte: undefined, betweenBytes: undefined },
    isImmutable = false,
  ) {
    this.#timeouts = { ...timeouts };
    this.#isImmutable = isImmutable;
  }
  #set(name: keyof Timeouts, duration: bigint | undefined): Result<undefined, Variant> {
    if (this.#isImmutable) return IMMUTABLE;
    this.#timeouts[name] = duration;
    return DONE;
  }
  getConnectTimeout(): bigint | undefined {
    return this.#timeouts.connect;
  }
  setConnectTimeout(duration: bigint | undefined): Result<undefined, Variant> {
    return this.#set('connect', duration);
  }
  getFirstByteTimeout(): bigint | undefined {
    return this.#timeouts.firstByte;
  }
  setFirstByteTimeout(duration: bigint | undefined): Result<undefined, Variant> {
    return this.#set('firstByte', duration);
  }
  getBetweenBytesTimeout(): bigint | undefined {
    return this.#timeouts.betweenBytes;
  }
  setBetweenBytesTimeout(duration: bigint | undefined): Result<undefined, Variant> {
    return this.#set('betweenBytes', duration);
  }
  clone(): RequestOptions {
    return new RequestOptions(null, this.#timeouts);
  }
  /** Gives the same, no longer to be changed. */
  frozen(): RequestOptions {
    return new RequestOptions(null, this.#timeouts, true);
  }
}
