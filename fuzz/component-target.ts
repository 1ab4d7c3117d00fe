/** Components as the gate and a function's process read them: a plan or a typed refusal, and never a plan that points at what is not there. */
import { Malformed } from '../src/enclave/sandbox/component/cursor.ts';
import { makePlan } from '../src/enclave/sandbox/component/make-plan.ts';
import { shortenPlan } from '../src/enclave/sandbox/component/shorten-plan.ts';
import { checkFunctionForm } from '../src/enclave/sandbox/grants.ts';
import { inspectFunction } from '../src/enclave/sandbox/inspect.ts';
import { FunctionError } from '../src/errors.ts';
import { changeWasm } from './change-wasm.ts';
import { changeBytes } from './mutate.ts';
import { demand, nameOf, type Target } from './target.ts';

/** Gives the form that the gate finds, or its refusal. */
function formOf(input: Uint8Array): string | null {
  try {
    return checkFunctionForm(input, 'x', ['0.2', '0.3']);
  } catch (error) {
    demand(
      error instanceof FunctionError && error.code === 'ERR_FUNCTION_INVALID',
      `a form is refused as it may: ${String(error)}`,
    );
    return null;
  }
}

function readComponent(input: Uint8Array): string {
  const form = formOf(input);
  try {
    inspectFunction(input, 'x');
  } catch (error) {
    if (!(error instanceof FunctionError)) throw error;
    demand(form === null, 'what can be loaded can be looked into');
  }
  try {
    const plan = makePlan(input);
    const short = shortenPlan(plan);
    demand(short.steps.length <= plan.steps.length, 'a shortened plan is no longer');
    demand(short.modules.length <= plan.modules.length, 'a shortened plan compiles no more');
    return `accepted: ${form ?? 'a plan of no form that is called'}`;
  } catch (error) {
    if (error instanceof Malformed) return `refused: ${nameOf(error.message)}`;
    throw error;
  }
}

/** Gives the target over these components. */
export const componentTarget = (seeds: readonly Uint8Array[]): Target => ({
  name: 'components',
  share: 8,
  seeds,
  mutators: [changeWasm, changeWasm, changeWasm, changeBytes],
  run: readComponent,
});
