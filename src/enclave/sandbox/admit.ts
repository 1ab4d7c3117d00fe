/** Looks into every core module of a function in the gate, which reads its bytes and runs nothing of it, and refuses what may not be loaded. */
import { FunctionError } from '../../errors.ts';
import { isCoreModule } from './component/core-module.ts';
import { Malformed } from './component/cursor.ts';
import { findRefusals, formatRefusal, readCoreModules } from './wasm/admission.ts';

/**
 * Checks the core modules of a function; `name` is for the messages.
 * @throws FunctionError ERR_FUNCTION_INVALID
 */
export function admitModules(bytes: Uint8Array, name: string, deterministic: 'required' | 'any'): void {
  const refuse = (why: string): never => {
    throw new FunctionError('ERR_FUNCTION_INVALID', `function "${name}" is refused: ${why}`);
  };
  try {
    const rules = { isComponent: !isCoreModule(bytes), deterministic: deterministic === 'required' };
    const [first, ...more] = findRefusals(readCoreModules(bytes), rules);
    if (first === undefined) return;
    refuse(`${formatRefusal(first)}${more.length > 0 ? ` (and ${more.length} more)` : ''}`);
  } catch (e) {
    if (e instanceof Malformed) refuse(e.message);
    throw e;
  }
}
