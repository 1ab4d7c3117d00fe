/** Writes core modules that import functions of WASI as the canonical ABI flattens them, so that the tools that build components check our types. */

import {
  type FunctionType,
  MAX_FLAT_PARAMS,
  makeParams,
} from '../../../../src/enclave/sandbox/component/value-type.ts';
import { SIGNATURES } from '../../../../src/enclave/sandbox/wasi/host.ts';

const VERSION = '0.2.12';

/** Gives a function's core type as text: flat parameters or one pointer, and a result or a pointer to it. */
export function coreTypeOf(type: FunctionType): string {
  const { flat } = makeParams(type);
  const params: string[] = flat.length > MAX_FLAT_PARAMS ? ['i32'] : [...flat];
  const results = type.result?.flat ?? [];
  if (results.length > 1) params.push('i32');
  return `${params.map((p) => ` (param ${p})`).join('')}${results.length === 1 ? ` (result ${results[0]})` : ''}`;
}

/** Every function of every interface of WASI 0.2 that the host describes, by interface and name; those of 0.3 carry their version. */
export const ALL_FUNCTIONS: readonly (readonly [from: string, name: string, type: FunctionType])[] = SIGNATURES.names
  .filter((from) => !from.includes('@'))
  .flatMap((from) => [...(SIGNATURES.functionsOf(from) ?? [])].map(([name, type]) => [from, name, type] as const));

/** Gives the import of each function as text, named `$f0` and so on. */
export function writeImports(functions: typeof ALL_FUNCTIONS): string {
  return functions
    .map(([from, name, type], i) => `(import "${from}@${VERSION}" "${name}" (func $f${i}${coreTypeOf(type)}))`)
    .join('\n');
}

/** A program that imports all of them and does nothing. */
export const IMPORTS_ALL: string = `(module
  ${writeImports(ALL_FUNCTIONS)}
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16))
  (func (export "wasi:cli/run@${VERSION}#run") (result i32) (i32.const 0)))`;
