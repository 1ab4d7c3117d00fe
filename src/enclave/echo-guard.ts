/**
 * Keeps a credential from coming back: an answer that shows it, in its head, body or trailers, breaks off before the first byte of it. Looks for the
 * secret as it was sent, its longer words, and what Basic hides; another spelling of it (hex, base64, backwards) is not noticed, so the
 * destination is still trusted with what it gets. [RFC 9110 8.4; RFC 7617 2]
 */
import { concatBytes, encodeUtf8, parseBase64 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import type { Credential } from './egress-credentials.ts';
import type { HeaderField } from './sandbox/sandbox.ts';
import type { Trailers } from './sandbox/trailers.ts';
import { NO_TRAILERS } from './sandbox/trailers.ts';
import type { ByteSource } from './sandbox/wasi/byte-stream.ts';

/** Shorter words are in answers by chance. */
const MIN_WORD = 8;
const NOTHING = new Uint8Array(0);

/** Gives the texts that an answer must not show. */
export function needlesOf(credentials: readonly Credential[]): readonly Uint8Array[] {
  const needles = new Set<string>();
  for (const { value } of credentials) {
    needles.add(value);
    const words = value.split(/[\s,;="]+/);
    const [scheme = '', encoded = ''] = value.split(' ', 2);
    const basic = scheme.toLowerCase() === 'basic' ? parseBase64(encoded) : null;
    if (basic !== null) words.push(...Buffer.from(basic).toString('latin1').split(':'));
    for (const word of words) if (word.length >= MIN_WORD) needles.add(word);
  }
  return [...needles].map(encodeUtf8);
}

/** Tells whether bytes show any of the texts. */
function shows(bytes: Uint8Array, needles: readonly Uint8Array[]): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return needles.some((needle) => buffer.includes(needle));
}

/** Tells whether an answer's head must not reach the function: it shows a credential, or a body follows in which nobody could see one. */
export function headEchoes(fields: readonly HeaderField[], needles: readonly Uint8Array[]): boolean {
  return (
    needles.length > 0 &&
    fields.some(
      ([name, value]) =>
        shows(encodeUtf8(`${name}: ${value}`), needles) ||
        (name === 'content-encoding' && value.toLowerCase() !== 'identity'),
    )
  );
}

/** Tells whether a body that is all here shows a credential. */
export function bodyEchoes(body: Uint8Array, needles: readonly Uint8Array[]): boolean {
  return shows(body, needles);
}

/** Gives how many of the last bytes could be the beginning of one of the texts. */
function countOpenEnd(bytes: Uint8Array, needles: readonly Uint8Array[]): number {
  const longest = Math.max(0, ...needles.map(({ length }) => length - 1));
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let count = Math.min(longest, bytes.length); count > 0; count--) {
    const end = buffer.subarray(bytes.length - count);
    if (needles.some((needle) => needle.length > count && end.equals(needle.subarray(0, count)))) return count;
  }
  return 0;
}

/** A body on its way that breaks off where it shows a credential; it holds back no more than could be the beginning of one. */
export class EchoGuard implements ByteSource {
  readonly #source: ByteSource;
  readonly #needles: readonly Uint8Array[];
  #ready: Uint8Array = NOTHING;
  /** What may be the beginning of a text, and is not given before it is known. */
  #held: Uint8Array = NOTHING;
  #isEcho = false;

  constructor(source: ByteSource, needles: readonly Uint8Array[]) {
    this.#source = source;
    this.#needles = needles;
  }
  /** Tells whether it broke off because of a credential. */
  get isEcho(): boolean {
    return this.#isEcho;
  }
  get state(): ByteSource['state'] {
    this.#pump();
    if (this.#isEcho) return 'failed';
    const { state } = this.#source;
    return state === 'ended' && this.#source.available > 0 ? 'open' : state;
  }
  get trailers(): Trailers {
    return this.state === 'ended' ? (this.#source.trailers ?? NO_TRAILERS) : NO_TRAILERS;
  }
  get available(): number {
    this.#pump();
    return this.#ready.length;
  }
  take(maxBytes: number): Uint8Array {
    this.#pump();
    const taken = this.#ready.subarray(0, maxBytes);
    this.#ready = this.#ready.subarray(taken.length);
    return taken;
  }
  changed(): Promise<void> {
    return this.#source.changed();
  }
  cancel(): void {
    this.#source.cancel();
    [this.#ready, this.#held] = [NOTHING, NOTHING];
  }

  #pump(): void {
    while (!this.#isEcho && this.#ready.length < LIMITS.windowBytes) {
      const taken = this.#source.take(LIMITS.pieceBytes);
      if (taken.length === 0) break;
      this.#look(concatBytes(this.#held, taken));
    }
    if (this.#isEcho || this.#source.state === 'open' || this.#source.available > 0) return;
    // What looked like a beginning was none.
    this.#ready = this.#held.length === 0 ? this.#ready : concatBytes(this.#ready, this.#held);
    this.#held = NOTHING;
    if (headEchoes(this.#source.trailers ?? NO_TRAILERS, this.#needles)) this.#break();
  }
  #look(bytes: Uint8Array): void {
    if (shows(bytes, this.#needles)) return this.#break();
    const open = countOpenEnd(bytes, this.#needles);
    this.#ready = concatBytes(this.#ready, bytes.subarray(0, bytes.length - open));
    this.#held = bytes.slice(bytes.length - open);
  }
  #break(): void {
    this.#isEcho = true;
    this.#source.cancel();
    [this.#ready, this.#held] = [NOTHING, NOTHING];
  }
}
