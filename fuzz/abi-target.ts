/**
 * The canonical ABI between a host and a guest that passes any numbers: pointers, lengths and handles that are wrong, an allocator that
 * answers with any place, grows the memory or calls out. A call gives what the specification says or ends its guest with a trap, and no byte
 * of the memory changes but where the guest said that it may.
 */
import { isDeepStrictEqual } from 'node:util';
import type { CoreValue } from '../src/enclave/sandbox/component/lift-flat.ts';
import { makeLift } from '../src/enclave/sandbox/component/lift-function.ts';
import { makeLower } from '../src/enclave/sandbox/component/lower-function.ts';
import { GuestTrap } from '../src/enclave/sandbox/component/trap.ts';
import { type FunctionType, makeParams } from '../src/enclave/sandbox/component/value-type.ts';
import {
  Guest,
  GuestFault,
  LIFT_BUDGET,
  MAX_FLAT,
  MEMORY_BYTES,
  MOST_HANDLES,
  makeFlat,
  makeFlats,
  type Range,
} from './abi-guest.ts';
import { flatten, ReferenceTrap } from './abi-reference.ts';
import { makeType, makeValue } from './abi-types.ts';
import { type Choices, makeScripts, openChoices } from './choices.ts';
import { changeBytes } from './mutate.ts';
import { createRandom } from './random.ts';
import { demand, type Target } from './target.ts';

const MAX_CALLS = 12;

type Outcome = { readonly value: unknown } | { readonly trap: unknown };

async function outcomeOf(run: () => unknown): Promise<Outcome> {
  try {
    return { value: await run() };
  } catch (trap) {
    return { trap };
  }
}

function referenceOf(run: () => unknown): Outcome {
  try {
    return { value: run() };
  } catch (trap) {
    if (trap instanceof ReferenceTrap) return { trap };
    throw trap;
  }
}

/** Demands that a guest ended for a reason that is its own, and that its engine unwound it. */
function checkTrap({ cx }: Guest, trap: unknown): string {
  const reason = cx.state.failure?.reason ?? trap;
  demand(
    reason instanceof GuestTrap || reason instanceof GuestFault,
    `a guest ends for its own fault, not ${String(reason)}`,
  );
  demand(!cx.state.mayLeave, 'a guest that trapped may do nothing any more');
  return reason.message;
}

/** Demands that nothing changed but where the guest allowed it. */
function checkMemory(before: Uint8Array, after: Uint8Array, allowed: readonly Range[]): void {
  const expected = Uint8Array.from(after);
  expected.set(before.subarray(0, after.length));
  for (const [start, end] of allowed) if (start < after.length) expected.set(after.subarray(start, end), start);
  demand(Buffer.compare(expected, after) === 0, 'no byte changes but where the guest said');
}

/** Demands that the table holds exactly the handles that it should. */
function checkHandles(guest: Guest): void {
  for (let index = 0; index < MOST_HANDLES; index++) {
    const expected = guest.reference.handles.get(index)?.representation;
    const handle = guest.handle(index);
    demand(handle?.representation === expected, 'a table holds the handles that it was given');
    demand((handle?.lent ?? 0) === 0, 'nothing is lent out when a call is over');
  }
}

const TOO_LARGE = /too large together/;

/** Calls a host function as a guest does. */
async function callHost(guest: Guest, type: FunctionType, choices: Choices): Promise<string> {
  const { cx, reference } = guest;
  const params = makeParams(type);
  const { result } = type;
  const isByPointer = result !== null && flatten(result).length > 1;
  const flat = makeFlats(params, isByPointer, guest, choices);
  const answer = result === null ? undefined : makeValue(result, choices, () => guest.make());
  let given: readonly unknown[] | null = null;
  const waits = choices.chance(0.2);
  const lowered = makeLower<null>(type, {
    waits,
    keeps: choices.chance(0.5),
    run: (_, args) => {
      given = args;
      return waits ? Promise.resolve(answer) : answer;
    },
  })(cx, { call: null });
  guest.callOut = () => void lowered(...flat);
  const before = Uint8Array.from(guest.bytes());
  reference.memory = before;
  const pointer = Number(flat.at(-1)) >>> 0;
  if (isByPointer && result !== null) guest.allowed.push([pointer, Math.min(pointer + result.size, MEMORY_BYTES * 2)]);
  const outcome = await outcomeOf(() => lowered(...flat));
  checkMemory(before, guest.bytes(), guest.allowed);
  const reason = 'trap' in outcome ? checkTrap(guest, outcome.trap) : '';
  if (TOO_LARGE.test(reason)) return 'refused: too large';
  const expected = referenceOf(() => reference.liftArgs(params, flat, MAX_FLAT));
  reference.giveBack();
  demand('trap' in expected === (given === null), 'a host is called exactly when its arguments can be lifted');
  if ('value' in expected)
    demand(isDeepStrictEqual(given, expected.value), 'a host gets the values that a guest passed');
  if ('trap' in outcome) {
    const isFine =
      given !== null &&
      guest.isHonest &&
      (!isByPointer || (pointer % 8 === 0 && pointer + (result?.size ?? 0) <= MEMORY_BYTES));
    demand(!isFine, `what was lifted comes back, but: ${reason}`);
    return given === null ? 'refused: arguments' : 'refused: result';
  }
  guest.learnHandles();
  checkHandles(guest);
  if (result === null || !guest.isHonest) return 'accepted: a call';
  const kept = new Map(reference.handles);
  reference.memory = guest.bytes();
  const core = outcome.value as CoreValue | undefined;
  const isApart =
    !isByPointer ||
    guest.allowed.every(([start, end]) => end <= pointer || start >= pointer + result.size || start === pointer);
  if (isApart) {
    const back = isByPointer ? reference.load(result, pointer) : reference.liftArgs(result, [core ?? 0], MAX_FLAT);
    demand(isDeepStrictEqual(back, answer), 'a guest gets the value that the host gave');
  }
  // Looking at an `own` took it out of the reference's table.
  reference.handles.clear();
  for (const [at, handle] of kept) reference.handles.set(at, handle);
  return 'accepted: a call with a result';
}

/** Calls a guest's function as the host does. */
async function callGuest(guest: Guest, type: FunctionType, choices: Choices): Promise<string> {
  const { cx, reference } = guest;
  const { result } = type;
  const args = type.params.map(([, part]) => makeValue(part, choices, () => guest.make()));
  const returned =
    result === null
      ? undefined
      : flatten(result).length > 1
        ? makeFlat('i32', choices)
        : makeFlat(flatten(result)[0] ?? 'i32', choices);
  let before = new Uint8Array(0);
  const core = (): CoreValue | undefined => {
    before = Uint8Array.from(guest.bytes());
    guest.learnHandles();
    return returned;
  };
  const start = Uint8Array.from(guest.bytes());
  const outcome = await outcomeOf(() => makeLift(type)(cx, core, null, args));
  checkMemory(start, guest.bytes(), guest.allowed);
  const reason = 'trap' in outcome ? checkTrap(guest, outcome.trap) : '';
  if (TOO_LARGE.test(reason)) return 'refused: too large';
  if (before.length === 0) {
    demand(!guest.isHonest, `arguments fit into honest room, but: ${reason}`);
    return 'refused: room';
  }
  demand(Buffer.compare(before, guest.bytes()) === 0, 'to lift a result changes nothing');
  if (result === null) return 'accepted: a call of the guest';
  reference.memory = before;
  const expected = referenceOf(() =>
    flatten(result).length > 1
      ? reference.load(result, Number(returned) >>> 0)
      : reference.liftArgs(result, [returned ?? 0], MAX_FLAT),
  );
  demand('trap' in expected === 'trap' in outcome, `a result is lifted exactly when it can be: ${reason}`);
  if ('trap' in expected || 'trap' in outcome) return 'refused: what the guest returned';
  demand(isDeepStrictEqual(outcome.value, expected.value), 'the host gets the value that a guest returned');
  return 'accepted: a result of the guest';
}

async function play(input: Uint8Array): Promise<string> {
  const choices = openChoices(input);
  const guest = new Guest(choices);
  const ways = new Set<string>();
  for (let calls = 0; calls < MAX_CALLS && !choices.isOver(); calls++) {
    const isOfHost = choices.chance(0.7);
    const type: FunctionType = {
      params: Array.from({ length: choices.below(4) }, (_, i) => [`p${i}`, makeType(choices, 3, isOfHost)] as const),
      result: choices.chance(0.7) ? makeType(choices, 3, false) : null,
      isAsync: false,
    };
    guest.cx.state.liftLeft = LIFT_BUDGET;
    const way = isOfHost ? await callHost(guest, type, choices) : await callGuest(guest, type, choices);
    if (!way.startsWith('accepted')) return way;
    ways.add(way);
    if (choices.chance(0.3)) guest.own();
  }
  return ways.size > 0 ? ([...ways].sort().at(-1) ?? '') : 'accepted: nothing';
}

/** The target, whose inputs are scripts. */
export const ABI_TARGET: Target = {
  name: 'abi',
  share: 12,
  seeds: makeScripts(createRandom('abi'), 96, 220),
  mutators: [changeBytes],
  run: play,
};
