/**
 * Gives each call its surroundings: real ones, or for a function whose answers must be the same everywhere such that depend on nothing but the
 * function and the call. The seed of randomness is the hash of both, and the time is the one that the request says (its `date`), or 1970.
 * docs/decisions/0011-deterministic-mode.md says what that promises.
 */
import { createHash } from 'node:crypto';
import { encodeUtf8 } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { readWhole } from './body.ts';
import type { Bundle } from './bundle.ts';
import type { CommandRequest } from './command-messages.ts';
import { encodeTree } from './files/tree-image.ts';
import type { QueryHost } from './guest.ts';
import { type Given, GuestFailure } from './guest-call.ts';
import type { ModuleRules } from './prepare-modules.ts';
import type { FunctionRequest, FunctionResponse } from './sandbox.ts';
import { hurry, wholeOutside } from './unhurried.ts';
import type { Outside } from './wasi/call.ts';
import { SeededSurroundings } from './wasi/seeded-surroundings.ts';
import { REAL_SURROUNDINGS, type Surroundings } from './wasi/surroundings.ts';
import { gasUsed } from './wasm/meter.ts';

const LABEL = 'anchorhold/deterministic/1';
/** The one form of a date that requests are written with. [RFC 9110 5.6.7] */
const DATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const NANOS_PER_MS = 1_000_000n;

/** What one query is given: itself, how it and its answer get out, and its surroundings. */
interface QuerySetting extends Pick<Given, 'surroundings'> {
  readonly request: FunctionRequest;
  readonly host: QueryHost;
}

/** What the calls of one function are given. */
export interface CallSetting {
  /** Gives what an instance sees before any call, while it is made. */
  idle(): Surroundings;
  /** @throws GuestFailure when the body of a query would have to be whole, and breaks off or is too large */
  query(request: FunctionRequest, host: QueryHost): QuerySetting | Promise<QuerySetting>;
  command(request: CommandRequest, outside: Outside): Pick<Given, 'outside' | 'surroundings'>;
}

const REAL_SETTING: CallSetting = {
  idle: () => REAL_SURROUNDINGS,
  query: (request, host) => ({ request, host, surroundings: REAL_SURROUNDINGS }),
  command: (_, outside) => ({ outside, surroundings: REAL_SURROUNDINGS }),
};

/** Hashes parts with their lengths, so that no two lists of parts are one. */
function hashParts(parts: readonly (string | Uint8Array)[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = typeof part === 'string' ? encodeUtf8(part) : part;
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(bytes.length));
    hash.update(length).update(bytes);
  }
  return hash.digest();
}

function wallNanosOf({ headers }: FunctionRequest): bigint {
  const date = headers.find(([name]) => name === 'date')?.[1] ?? '';
  const ms = DATE.test(date) ? Date.parse(date) : 0;
  return ms > 0 ? BigInt(ms) * NANOS_PER_MS : 0n;
}

/** Opens what the calls of a function are given; it is deterministic where its gas is counted. */
export function openSetting({ bytes, rules }: Bundle): CallSetting {
  if (rules.gas === null) return REAL_SETTING;
  const digest = createHash('sha256').update(bytes).digest();
  const open = (kind: string, parts: readonly (string | Uint8Array)[], wallNanos: bigint): SeededSurroundings =>
    new SeededSurroundings(hashParts([LABEL, digest, kind, ...parts]), wallNanos);
  return {
    idle: () => open('idle', [], 0n),
    query: async (asked, host) => {
      const body = await readWhole(asked.body, LIMITS.bodyBytes);
      if (body === null) throw new GuestFailure('the body of its query broke off, or is too large to be read whole');
      const { method, path, authority, headers } = asked;
      const surroundings = open('query', [method, path, authority, body, ...headers.flat()], wallNanosOf(asked));
      return {
        request: { ...asked, body },
        host: {
          ...wholeOutside(host, (answer) => surroundings.standStill(answer)),
          beginAnswer: (head) => hurry(host.beginAnswer(head)),
          log: (text) => host.log(text),
        },
        surroundings,
      };
    },
    command: ({ args, env, stdin, mounts }, outside) => {
      const trees = mounts.flatMap(({ path, items }) => [path, encodeTree(items)]);
      const counts = [args.length, env.length, mounts.length].join();
      const surroundings = open('command', [counts, stdin, ...args, ...env.flat(), ...trees], 0n);
      return { outside: wholeOutside(outside, (answer) => surroundings.standStill(answer)), surroundings };
    },
  };
}

/** Says that a call has used more gas than its function has; does nothing for functions that count none. */
export function checkGas(cores: readonly Readonly<Record<string, unknown>>[], { gas }: ModuleRules): void {
  if (gas !== null && gasUsed(cores, gas) > BigInt(gas)) throw new GuestFailure('it used up its gas');
}

/** The header that says how much gas an answer took; the gate takes it out before the answer leaves, as everything that begins with `anchorhold-`. */
const GAS_HEADER = 'anchorhold-gas';

/** Adds to an answer how much gas it took, where gas is counted; what a guest says of that itself is dropped. */
export function withGas(
  answer: FunctionResponse,
  cores: readonly Readonly<Record<string, unknown>>[],
  { gas }: ModuleRules,
): FunctionResponse {
  if (gas === null) return answer;
  const headers = answer.headers.filter(([name]) => name !== GAS_HEADER);
  return { ...answer, headers: [...headers, [GAS_HEADER, String(gasUsed(cores, gas))]] };
}
