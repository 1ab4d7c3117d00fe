/**
 * Suspends a guest only where its host function has to wait. The engine suspends at each call of a suspending function, whatever that answers, and
 * gives each guest that is suspended a stack of its own; so a small module stands between: it calls the function, and waits if it must. [JSPI]
 */
import { type CompiledModule, ENGINE } from '../engine.ts';
import type { CoreFunction } from './lower-function.ts';
import { type CoreType, type FunctionType, MAX_FLAT_PARAMS, makeParams } from './value-type.ts';

const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const TYPE: Readonly<Record<CoreType, number>> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c };
const CODE = { if: 0x04, end: 0x0b, call: 0x10, localGet: 0x20, localSet: 0x21, void: 0x40, func: 0x60 } as const;
const [CALL, MUST_WAIT, WAIT] = [0, 1, 2];

/** Every length below 128, as all are here, is its own LEB128. */
const sized = (bytes: readonly number[]): number[] => [bytes.length, ...bytes];
const list = (items: readonly (readonly number[])[]): number[] => [items.length, ...items.flat()];
const section = (id: number, items: readonly (readonly number[])[]): number[] => [id, ...sized(list(items))];
const letter = (text: string): number[] => [1, text.charCodeAt(0)];

/** Writes the module: imports `h.c` (the function), `h.m` (whether its answer is to be waited for) and `h.w` (waits for it), exports `f`. */
function writeModule(params: readonly CoreType[], results: readonly CoreType[]): Uint8Array {
  const answer = results.map((type) => TYPE[type]);
  const asked = sized(params.map((type) => TYPE[type]));
  const result = params.length;
  const keep = results.length === 0 ? [] : [CODE.localSet, result];
  const give = results.length === 0 ? [] : [CODE.localGet, result];
  const body = [
    ...list(results.map((type) => [1, TYPE[type]])),
    ...params.flatMap((_, i) => [CODE.localGet, i]),
    CODE.call,
    CALL,
    ...keep,
    CODE.call,
    MUST_WAIT,
    CODE.if,
    CODE.void,
    CODE.call,
    WAIT,
    ...keep,
    CODE.end,
    ...give,
    CODE.end,
  ];
  const imports = ['c', 'm', 'w'].map((name, type) => [...letter('h'), ...letter(name), 0, type]);
  const types = [
    [CODE.func, ...asked, ...sized(answer)],
    [CODE.func, 0, 1, TYPE.i32],
    [CODE.func, 0, ...sized(answer)],
  ];
  const exported = [[...letter('f'), 0, imports.length]];
  const sections = [section(1, types), section(2, imports), section(3, [[0]]), section(7, exported)];
  return Uint8Array.from([MAGIC, sections.flat(), section(10, [sized(body)])].flat());
}

const compiled = new Map<string, CompiledModule>();

function moduleOf(type: FunctionType): CompiledModule {
  const { flat } = makeParams(type);
  const params: readonly CoreType[] = flat.length > MAX_FLAT_PARAMS ? ['i32'] : flat;
  const given = type.result?.flat ?? [];
  // More than one result is put where a last parameter says.
  const isPlaced = given.length > 1;
  const taken: readonly CoreType[] = isPlaced ? [...params, 'i32'] : params;
  const results = isPlaced ? [] : given;
  const signature = `${taken.join()} ${results.join()}`;
  const module = compiled.get(signature) ?? new ENGINE.Module(writeModule(taken, results));
  compiled.set(signature, module);
  return module;
}

/** Prepares a host function of this type; gives what makes a guest's import of a core function that may answer with a promise. */
export function prepareSuspending(type: FunctionType): (core: CoreFunction) => unknown {
  const module = moduleOf(type);
  /** Stands for an answer that is not there yet. */
  const none = type.result?.flat[0] === 'i64' ? 0n : 0;
  return (core) => {
    let answer: ReturnType<CoreFunction>;
    const h = {
      c: (...flat: Parameters<CoreFunction>) => {
        answer = core(...flat);
        return answer instanceof Promise ? none : answer;
      },
      m: () => (answer instanceof Promise ? 1 : 0),
      w: new ENGINE.Suspending(() => answer),
    };
    return new ENGINE.Instance(module, { h }).exports['f'];
  };
}
