/**
 * Scripts of calls of the asynchronous canonical ABI, and the guest that plays them: an interpreter whose steps lie in its memory, so that one
 * compiled guest does anything in any order. Each step is written down before it is made.
 */
import { BUILTIN_NAMES, hasResult, paramsOf } from '../test/enclave/sandbox/component/async-guest.ts';
import type { Choices } from './choices.ts';

/** Where the steps, their results and the list of what was done lie; nothing that a step names as its place is near. */
const STEPS_AT = 40_960;
const RESULTS_AT = 45_056;
const DONE_AT = 49_152;
/** What the guest writes itself lies between these. */
export const OWN: readonly [start: number, end: number] = [RESULTS_AT, DONE_AT + 2048];
/** What its allocator gives lies between these. */
export const ROOM: readonly [start: number, end: number] = [4096, STEPS_AT];
const STEP_BYTES = 32;
const MAX_STEPS = 60;

const HOST: Readonly<Record<string, readonly [params: number, hasResult: boolean]>> = {
  take: [1, false],
  give: [0, true],
  'take-future': [1, false],
  'give-future': [0, true],
  wait: [1, true],
  'wait-sync': [0, true],
};
/** Every step by its number; `answer` ends a turn of the guest. */
export const STEPS: readonly string[] = [
  'answer',
  ...BUILTIN_NAMES.filter((n) => n !== 'return-64'),
  ...Object.keys(HOST),
];

const countOf = (name: string): number => HOST[name]?.[0] ?? (name === 'answer' ? 1 : paramsOf(name).length);
const isWide = (name: string): boolean => name.endsWith('-new') && name !== 'set-new';

function writeStep(name: string, number: number): string {
  const args = ['$a', '$b', '$c'].slice(0, countOf(name)).map((local) => `(local.get ${local})`);
  const call = `(call $${name} ${args.join(' ')})`;
  const gives = HOST[name]?.[1] ?? hasResult(name);
  const kept = isWide(name) ? call : `(i64.extend_i32_u ${call})`;
  const act = gives ? `(i64.store (local.get $place) ${kept})` : call;
  return `(if (i32.eq (local.get $op) (i32.const ${number})) (then ${name === 'answer' ? '(return (local.get $a))' : act}))`;
}

/** The parts of the guest that plays. */
export const PLAYER: { readonly run: string; readonly callback: string; readonly rest: string } = {
  run: '(call $play)',
  callback: '(call $play)',
  rest: `(global $step (mut i32) (i32.const 0))
    ;; A number as it is, or what an earlier step gave: its low half, its high half, a handle above four bits, or such a set to wait on.
    (func $arg (param $at i32) (result i32) (local $kind i32) (local $n i32)
      (local.set $kind (i32.load (local.get $at)))
      (local.set $n (i32.load (i32.add (local.get $at) (i32.const 4))))
      (if (i32.eqz (local.get $kind)) (then (return (local.get $n))))
      (local.set $n (i32.add (i32.const ${RESULTS_AT}) (i32.shl (i32.rem_u (local.get $n) (i32.const ${MAX_STEPS})) (i32.const 3))))
      (if (i32.eq (local.get $kind) (i32.const 2)) (then (return (i32.load (i32.add (local.get $n) (i32.const 4))))))
      (local.set $n (i32.load (local.get $n)))
      (if (i32.eq (local.get $kind) (i32.const 3)) (then (return (i32.shr_u (local.get $n) (i32.const 4)))))
      (if (i32.eq (local.get $kind) (i32.const 4)) (then (return (i32.or (i32.const 2) (i32.shl (local.get $n) (i32.const 4))))))
      (local.get $n))
    (func $play (result i32)
      (local $op i32) (local $a i32) (local $b i32) (local $c i32) (local $at i32) (local $place i32) (local $done i32)
      (loop $next
        (if (i32.ge_u (global.get $step) (i32.const ${MAX_STEPS})) (then (return (i32.const 0))))
        (local.set $at (i32.add (i32.const ${STEPS_AT}) (i32.mul (global.get $step) (i32.const ${STEP_BYTES}))))
        (local.set $op (i32.load (local.get $at)))
        (if (i32.eq (local.get $op) (i32.const -1)) (then (return (i32.const 0))))
        (local.set $a (call $arg (i32.add (local.get $at) (i32.const 4))))
        (local.set $b (call $arg (i32.add (local.get $at) (i32.const 12))))
        (local.set $c (call $arg (i32.add (local.get $at) (i32.const 20))))
        (local.set $place (i32.add (i32.const ${RESULTS_AT}) (i32.shl (global.get $step) (i32.const 3))))
        (local.set $done (i32.add (i32.const ${DONE_AT}) (i32.shl (global.get $step) (i32.const 4))))
        (i32.store (local.get $done) (i32.add (local.get $op) (i32.const 1)))
        (i32.store offset=4 (local.get $done) (local.get $a))
        (i32.store offset=8 (local.get $done) (local.get $b))
        (i32.store offset=12 (local.get $done) (local.get $c))
        (global.set $step (i32.add (global.get $step) (i32.const 1)))
        ${STEPS.map(writeStep).join('\n        ')}
        (br $next))
      (unreachable))`,
};

type Arg = readonly [kind: number, n: number];
/** A number as it is, and what earlier steps gave: halves, a handle above four bits, a set to wait on. */
const AS_IS = 0;
const LOW = 1;
const HIGH = 2;
const ABOVE = 3;
const TO_WAIT = 4;

const ODD_NUMBERS = [0, 1, 2, 3, 5, 8, 4095, 65_528, 65_535, 65_536, 2 ** 28, 2 ** 31, 2 ** 32 - 1];
/** Never as many as would reach what the player needs. */
const COUNTS = [0, 1, 3, 8, 64, 1000, 65_537, 2 ** 28, 2 ** 31, 2 ** 32 - 1];

/** Which handles a step wants, and which it gives, by their kinds. */
const WANTS: Readonly<Record<string, readonly string[]>> = {
  'set-drop': ['set'],
  'set-poll': ['set', 'pointer'],
  'set-wait': ['set', 'pointer'],
  join: ['waitable', 'set'],
  'subtask-cancel': ['subtask'],
  'subtask-drop': ['subtask'],
  'stream-read': ['stream-r', 'pointer', 'count'],
  'stream-read-sync': ['stream-r', 'pointer', 'count'],
  'stream-write': ['stream-w', 'pointer', 'count'],
  'stream-cancel-read': ['stream-r'],
  'stream-cancel-write': ['stream-w'],
  'stream-drop-readable': ['stream-r'],
  'stream-drop-writable': ['stream-w'],
  'future-read': ['future-r', 'pointer'],
  'future-write': ['future-w', 'pointer'],
  'future-cancel-read': ['future-r'],
  'future-cancel-write': ['future-w'],
  'future-drop-readable': ['future-r'],
  'future-drop-writable': ['future-w'],
  'text-read': ['text-r', 'pointer'],
  'text-write': ['text-w', 'pointer'],
  take: ['stream-r'],
  'take-future': ['future-r'],
  wait: ['pointer'],
  answer: ['turn'],
};
const GIVES: Readonly<Record<string, readonly (readonly [kind: string, half: number])[]>> = {
  'set-new': [['set', LOW]],
  'stream-new': [
    ['stream-r', LOW],
    ['stream-w', HIGH],
  ],
  'future-new': [
    ['future-r', LOW],
    ['future-w', HIGH],
  ],
  'text-new': [
    ['text-r', LOW],
    ['text-w', HIGH],
  ],
  give: [['stream-r', LOW]],
  'give-future': [['future-r', LOW]],
  wait: [['subtask', ABOVE]],
};
const MAKERS = Object.keys(GIVES);
const COPIES = ['stream-read', 'stream-write', 'future-read', 'future-write', 'join', 'set-poll', 'answer'];
/** What is no handle. */
const FREE = new Set(['pointer', 'count', 'turn']);
const DROPS = /drop|take/;
/** Those that may wait for ever where they stand, or mostly are a trap, are seldom. */
const SELDOM = [
  'set-wait',
  'stream-read-sync',
  'cancel',
  'return',
  'dec',
  'subtask-drop',
  'future-drop-writable',
  'stream-cancel-read',
  'stream-cancel-write',
  'future-cancel-read',
  'future-cancel-write',
];

/** Makes the steps of a script, by choices; most of them name handles of the right kind. */
export function makeSteps(choices: Choices): readonly (readonly [op: number, args: readonly Arg[]])[] {
  const isReturned = choices.chance(0.9);
  const have = new Map<string, Arg[]>();
  const steps: (readonly [number, readonly Arg[]])[] = [];
  const any = (): Arg =>
    choices.chance(0.5) ? [AS_IS, choices.pick(ODD_NUMBERS)] : [choices.below(5), choices.below(MAX_STEPS)];
  const handles = (kind: string): readonly Arg[] =>
    kind === 'waitable' ? [...have].flatMap(([k, all]) => (k === 'set' ? [] : all)) : (have.get(kind) ?? []);
  const known = (kind: string): Arg => {
    const all = handles(kind);
    return all.length === 0 ? any() : choices.pick(all);
  };
  const argOf = (kind: string | undefined): Arg => {
    if (kind === undefined || choices.chance(0.012)) return any();
    if (kind === 'pointer') return [AS_IS, choices.chance(0.9) ? 8 * choices.below(400) : choices.pick(ODD_NUMBERS)];
    if (kind === 'count') return [AS_IS, choices.pick(choices.chance(0.9) ? COUNTS.slice(0, 5) : COUNTS)];
    if (kind === 'turn') {
      const [, n] = known('set');
      return choices.chance(0.4) ? [AS_IS, 1] : [TO_WAIT, n];
    }
    return known(kind);
  };
  while (steps.length < MAX_STEPS - 1 && !choices.isOver()) {
    let name = choices.pick(choices.chance(0.3) ? MAKERS : STEPS);
    if (SELDOM.includes(name) && choices.chance(0.8)) name = choices.pick(COPIES);
    const lacks = (WANTS[name] ?? []).some((kind) => !FREE.has(kind) && handles(kind).length === 0);
    if (lacks && choices.chance(0.97)) name = choices.pick(MAKERS);
    const wants = WANTS[name] ?? [];
    const args = [0, 1, 2].map((i) => argOf(wants[i]));
    const [kind = ''] = wants;
    // Whoever has dropped a handle seldom names it again.
    const [half, dropped] = args[0] ?? [];
    if (DROPS.test(name)) {
      const left = (have.get(kind) ?? []).filter(([k, n]) => n !== dropped || k !== half);
      have.set(kind, left);
    }
    for (const [made, part] of GIVES[name] ?? []) have.set(made, [...(have.get(made) ?? []), [part, steps.length]]);
    steps.push([STEPS.indexOf(name), args]);
  }
  if (isReturned)
    steps.push([
      STEPS.indexOf('return'),
      [
        [AS_IS, 7],
        [AS_IS, 0],
        [AS_IS, 0],
      ],
    ]);
  return steps;
}

/** Writes the steps of a script into a guest's memory, and words that are small numbers and places where buffers are. */
export function writeSteps(memory: Uint8Array, steps: ReturnType<typeof makeSteps>, word: () => number): void {
  const view = new DataView(memory.buffer);
  for (let at = 0; at < ROOM[0]; at += 4) view.setUint32(at, word(), true);
  for (let i = 0; i < MAX_STEPS; i++) {
    const [op, args] = steps[i] ?? [-1, []];
    const at = STEPS_AT + i * STEP_BYTES;
    view.setInt32(at, op, true);
    for (const [k, [kind, n]] of args.entries()) {
      view.setUint32(at + 4 + 8 * k, kind, true);
      view.setUint32(at + 8 + 8 * k, n, true);
    }
  }
}

/** Lists the steps that a guest has made, with the numbers that it passed. */
export function readDone(memory: Uint8Array): readonly (readonly [name: string, numbers: readonly number[]])[] {
  const view = new DataView(memory.buffer);
  return Array.from({ length: MAX_STEPS }, (_, i) => DONE_AT + 16 * i).flatMap((at) => {
    const name = STEPS[view.getUint32(at, true) - 1];
    return name === undefined ? [] : [[name, [4, 8, 12].map((offset) => view.getUint32(at + offset, true))] as const];
  });
}
