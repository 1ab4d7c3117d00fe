/**
 * wasi:http headers. Names are lower case, values are bytes (one character each in our strings). Headers that belong to the
 * connection and not to the message can be neither read nor written by a guest. [WASI 0.2.12 wasi:http/types; RFC 9110 7.6.1]
 */
import type { HeaderField } from '../sandbox.ts';
import { DONE, err, ok, type Result, type Variant } from './result.ts';

type HeaderError = Result<never, Variant>;
type Entry = readonly [name: string, value: Uint8Array];

const FORBIDDEN: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,1024}$/;
const MAX_FIELDS = 256;

const IMMUTABLE: HeaderError = err({ tag: 'immutable' });
const INVALID: HeaderError = err({ tag: 'invalid-syntax' });
const REFUSED: HeaderError = err({ tag: 'forbidden' });

function isValue(bytes: Uint8Array): boolean {
  return bytes.every((b) => b === 0x09 || (b >= 0x20 && b !== 0x7f));
}

function refuseEntry(name: string, values: readonly Uint8Array[]): HeaderError | null {
  if (!NAME.test(name) || !values.every(isValue)) return INVALID;
  return FORBIDDEN.has(name.toLowerCase()) ? REFUSED : null;
}

const toBytes = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const toText = (bytes: Uint8Array): string => Array.from(bytes, (b) => String.fromCharCode(b)).join('');

/** wasi:http/types fields. */
export class Fields {
  #entries: Entry[] = [];
  #immutable = false;

  static fromList(_call: unknown, entries: readonly (readonly [string, Uint8Array])[]): Result<Fields, Variant> {
    const fields = new Fields();
    for (const [name, value] of entries) {
      const added = fields.append(name, value);
      if (added.tag === 'err') return added;
    }
    return ok(fields);
  }
  /** Makes the immutable headers of a message that arrived; those a guest may not see are left out. */
  static received(headers: readonly HeaderField[]): Fields {
    const fields = new Fields();
    fields.#entries = headers.filter(([n]) => !FORBIDDEN.has(n)).map(([n, v]) => [n, toBytes(v)]);
    fields.#immutable = true;
    return fields;
  }
  /** Gives an immutable view's worth: the headers as they are now, no longer to be changed. */
  frozen(): Fields {
    const fields = this.clone();
    fields.#immutable = true;
    return fields;
  }
  /** Gives the headers for the wire; the length is left to whoever sends the body. */
  toHeaders(): HeaderField[] {
    return this.#entries.filter(([n]) => n !== 'content-length').map(([n, v]) => [n, toText(v)]);
  }
  /** Gives the length that the headers declare for the body, or null; one that is no single number declares nothing. */
  contentLength(): number | null {
    const [value, ...more] = this.get('content-length');
    const text = value === undefined || more.length > 0 ? '' : toText(value);
    return /^[0-9]{1,15}$/.test(text) ? Number(text) : null;
  }
  get(name: string): Uint8Array[] {
    const key = name.toLowerCase();
    return this.#entries.flatMap(([n, v]) => (n === key ? [v] : []));
  }
  has(name: string): boolean {
    return this.get(name).length > 0;
  }
  set(name: string, values: readonly Uint8Array[]): Result<undefined, Variant> {
    if (this.#immutable) return IMMUTABLE;
    const refused = refuseEntry(name, values);
    if (refused !== null) return refused;
    const key = name.toLowerCase();
    const others = this.#entries.filter(([n]) => n !== key);
    if (others.length + values.length > MAX_FIELDS) return REFUSED;
    this.#entries = [...others, ...values.map((v): Entry => [key, Uint8Array.from(v)])];
    return DONE;
  }
  delete(name: string): Result<undefined, Variant> {
    return this.set(name, []);
  }
  append(name: string, value: Uint8Array): Result<undefined, Variant> {
    return this.set(name, [...this.get(name), value]);
  }
  entries(): Entry[] {
    return [...this.#entries];
  }
  clone(): Fields {
    const fields = new Fields();
    fields.#entries = [...this.#entries];
    return fields;
  }
}
