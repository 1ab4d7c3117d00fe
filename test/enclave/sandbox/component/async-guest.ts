/** A component of the asynchronous canonical ABI for tests: every built-in is imported, and a test writes what its guest does. */
import { build, type Functions, open, type Running } from './kit.ts';

const MEMORY = '(memory (core memory $mem "m"))';

/** Names of core functions in the text of a guest, with what they take and give, and the canonical function behind each. */
const BUILTINS: readonly (readonly [name: string, type: string, canonical: string])[] = [
  ['return', '(param i32)', 'task.return (result u32)'],
  ['return-64', '(param i64)', 'task.return (result u64)'],
  ['cancel', '', 'task.cancel'],
  ['get', '(result i32)', 'context.get i32 0'],
  ['set', '(param i32)', 'context.set i32 0'],
  ['inc', '', 'backpressure.inc'],
  ['dec', '', 'backpressure.dec'],
  ['yield', '(result i32)', 'thread.yield'],
  ['set-new', '(result i32)', 'waitable-set.new'],
  ['set-drop', '(param i32)', 'waitable-set.drop'],
  ['set-poll', '(param i32 i32) (result i32)', `waitable-set.poll ${MEMORY}`],
  ['set-wait', '(param i32 i32) (result i32)', `waitable-set.wait ${MEMORY}`],
  ['join', '(param i32 i32)', 'waitable.join'],
  ['subtask-cancel', '(param i32) (result i32)', 'subtask.cancel'],
  ['subtask-drop', '(param i32)', 'subtask.drop'],
  ['stream-new', '(result i64)', 'stream.new $bytes'],
  ['stream-read', '(param i32 i32 i32) (result i32)', `stream.read $bytes async ${MEMORY}`],
  ['stream-write', '(param i32 i32 i32) (result i32)', `stream.write $bytes async ${MEMORY}`],
  ['stream-read-sync', '(param i32 i32 i32) (result i32)', `stream.read $bytes ${MEMORY}`],
  ['stream-cancel-read', '(param i32) (result i32)', 'stream.cancel-read $bytes'],
  ['stream-cancel-write', '(param i32) (result i32)', 'stream.cancel-write $bytes'],
  ['stream-drop-readable', '(param i32)', 'stream.drop-readable $bytes'],
  ['stream-drop-writable', '(param i32)', 'stream.drop-writable $bytes'],
  ['future-new', '(result i64)', 'future.new $number'],
  ['future-read', '(param i32 i32) (result i32)', `future.read $number async ${MEMORY}`],
  ['future-write', '(param i32 i32) (result i32)', `future.write $number async ${MEMORY}`],
  ['future-cancel-read', '(param i32) (result i32)', 'future.cancel-read $number'],
  ['future-cancel-write', '(param i32) (result i32)', 'future.cancel-write $number'],
  ['future-drop-readable', '(param i32)', 'future.drop-readable $number'],
  ['future-drop-writable', '(param i32)', 'future.drop-writable $number'],
  [
    'text-read',
    '(param i32 i32) (result i32)',
    `future.read $text async ${MEMORY} (realloc (core func $mem "realloc"))`,
  ],
  ['text-write', '(param i32 i32) (result i32)', `future.write $text async ${MEMORY}`],
  ['text-new', '(result i64)', 'future.new $text'],
];

/** What the host gives: a name, its type in the component, its core type, and options of its lowering. */
const HOST: readonly (readonly [name: string, type: string, core: string, options: string])[] = [
  ['take', '(func (param "s" $bytes))', '(param i32)', ''],
  ['give', '(func (result $bytes))', '(result i32)', ''],
  ['take-future', '(func (param "f" $number))', '(param i32)', ''],
  ['give-future', '(func (result $number))', '(result i32)', ''],
  ['wait', '(func async (result u32))', '(param i32) (result i32)', `async ${MEMORY}`],
  ['wait-sync', '(func async (result u32))', '(result i32)', ''],
];

export const BUILTIN_NAMES: readonly string[] = BUILTINS.map(([name]) => name);

/** Counts of the parameters of a built-in, by its name. */
export function paramsOf(name: string): readonly string[] {
  const [, type = ''] = BUILTINS.find(([n]) => n === name) ?? [];
  return (/\(param ([^)]*)\)/.exec(type)?.[1] ?? '').split(' ').filter((t) => t !== '');
}

/** Tells whether a built-in gives something. */
export function hasResult(name: string): boolean {
  const [, type = ''] = BUILTINS.find(([n]) => n === name) ?? [];
  return type.includes('(result');
}

export interface GuestText {
  /** Body of the function that is called; it answers with what it waits for. */
  readonly run: string;
  /** Body of the callback, which has `$code`, `$index` and `$payload`; traps when it is left out. */
  readonly callback?: string;
  /** Body of a function that is not asynchronous. */
  readonly plain?: string;
  /** More of the core module: globals and functions. */
  readonly rest?: string;
}

/** Writes the component. */
export function writeGuest({ run, callback = 'unreachable', plain = '(i32.const 0)', rest = '' }: GuestText): string {
  const all = [
    ...BUILTINS.map(([name, type]) => [name, type] as const),
    ...HOST.map(([name, , core]) => [name, core] as const),
  ];
  return `(component
    (type $bytes (stream u8)) (type $number (future u32)) (type $text (future string))
    (import "t:w/host" (instance $host
      (alias outer 1 $bytes (type $bytes)) (alias outer 1 $number (type $number))
      ${HOST.map(([name, type]) => `(export "${name}" ${type})`).join('\n')}))
    (core module $memory
      (memory (export "m") 1)
      (global $next (mut i32) (i32.const 4096))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (global.get $next) (global.set $next (i32.add (global.get $next) (i32.add (local.get 3) (i32.const 8))))
        (global.set $next (i32.and (global.get $next) (i32.const -8)))))
    (core instance $mem (instantiate $memory))
    ${BUILTINS.map(([name, , canonical]) => `(core func $${name} (canon ${canonical}))`).join('\n')}
    ${HOST.map(([name, , , options]) => `(core func $h-${name} (canon lower (func $host "${name}") ${options}))`).join('\n')}
    (core module $guest
      (import "m" "m" (memory 1))
      ${all.map(([name, type]) => `(import "b" "${name}" (func $${name} ${type}))`).join('\n')}
      (global $a (mut i32) (i32.const 0)) (global $b (mut i32) (i32.const 0)) (global $c (mut i32) (i32.const 0))
      ;; Splits a pair of ends: the readable into $a, the writable into $b.
      (func $split (param $pair i64)
        (global.set $a (i32.wrap_i64 (local.get $pair)))
        (global.set $b (i32.wrap_i64 (i64.shr_u (local.get $pair) (i64.const 32)))))
      (func $wait-for (param $set i32) (result i32) (i32.or (i32.const 2) (i32.shl (local.get $set) (i32.const 4))))
      (func $check (param i32 i32) (if (i32.ne (local.get 0) (local.get 1)) (then unreachable)))
      ${rest}
      (func (export "run") (result i32) ${run})
      (func (export "callback") (param $code i32) (param $index i32) (param $payload i32) (result i32) ${callback})
      (func (export "plain") (result i32) ${plain}))
    (core instance $g (instantiate $guest
      (with "m" (instance $mem))
      (with "b" (instance
        ${BUILTINS.map(([name]) => `(export "${name}" (func $${name}))`).join('\n')}
        ${HOST.map(([name]) => `(export "${name}" (func $h-${name}))`).join('\n')}))))
    (func (export "run") async (result u32)
      (canon lift (core func $g "run") async (callback (core func $g "callback"))))
    (func (export "plain") (result u32) (canon lift (core func $g "plain"))))`;
}

/** Functions of the host, where a test says nothing else. */
const NOTHING: Functions = {
  't:w/host#take': () => undefined,
  't:w/host#give': () => undefined,
  't:w/host#take-future': () => undefined,
  't:w/host#give-future': () => undefined,
  't:w/host#wait': () => 0,
  't:w/host#wait-sync': () => 0,
};

/** Makes an instance of a guest. */
export async function openAsyncGuest(text: GuestText, functions: Functions = {}): Promise<Running> {
  const named = Object.fromEntries(Object.entries(functions).map(([name, run]) => [`t:w/host#${name}`, run]));
  const make = await open(await build(writeGuest(text)), { ...NOTHING, ...named }, { waiting: ['t:w/host#wait-sync'] });
  return make();
}
