/**
 * Decides which core modules may be loaded, before anything of them is compiled. The owner of the data never chose these features one by
 * one, so the list of what is refused is fixed here, and what our reader does not know is refused by it.
 */
import { Malformed } from '../component/cursor.ts';
import { findCoreModules } from './component-modules.ts';
import { FEATURES, type Feature, type Place } from './features.ts';
import type { CoreModule } from './module.ts';
import { readModule } from './read-module.ts';

/** Refused always: memory that others can change meanwhile, and memories that escape the cap of a function's memory. */
const REFUSED: readonly Feature[] = ['threads', 'memory64', 'multi-memory'];

/** Refused where workers have to agree: its results depend on the processor. */
const NONDETERMINISTIC: readonly Feature[] = ['relaxed-simd'];

/** The modules that a core module outside of a component may import functions from. */
const GRANTED_MODULES: readonly string[] = ['wasi_snapshot_preview1', 'blockless_http', 'blockless_memory'];

/** One reason why a function is not loaded. */
export interface Refusal {
  /** Where: the module of the file. */
  readonly module: string;
  /** Which function of it uses the feature, counted with the imported ones; null when it is no function. */
  readonly functionIndex: number | null;
  readonly why: string;
}

/** A core module with its name inside the file. */
export interface NamedModule {
  readonly name: string;
  readonly module: CoreModule;
}

/** Reads every core module of a module or component, nested ones too; @throws Malformed that names the module. */
export function readCoreModules(bytes: Uint8Array): readonly NamedModule[] {
  return findCoreModules(bytes).map(({ name, bytes: part }) => {
    try {
      return { name, module: readModule(part) };
    } catch (e) {
      if (e instanceof Malformed) throw new Malformed(`${name}: ${e.message}`);
      throw e;
    }
  });
}

/** Words a refused feature. */
function refuse(module: string, feature: Feature, place: Place, why: string): Refusal {
  return { module, functionIndex: place.functionIndex, why: `it uses ${FEATURES[feature]}, ${why}` };
}

function judge({ name, module }: NamedModule, isComponent: boolean, deterministic: boolean): readonly Refusal[] {
  const refusals: Refusal[] = [];
  for (const [feature, place] of module.features) {
    if (REFUSED.includes(feature)) refusals.push(refuse(name, feature, place, 'which no function may'));
    else if (deterministic && NONDETERMINISTIC.includes(feature)) {
      refusals.push(refuse(name, feature, place, 'which gives other results on other processors'));
    }
  }
  if (isComponent) return refusals;
  const foreign = module.imports.filter((i) => i.sort !== 'func' || !GRANTED_MODULES.includes(i.module));
  for (const { module: from, name: item, sort } of foreign.slice(0, 8)) {
    const shown = `${JSON.stringify(from.slice(0, 80))} ${JSON.stringify(item.slice(0, 80))}`;
    refusals.push({
      module: name,
      functionIndex: null,
      why: `it imports the ${sort} ${shown}, which no function is given`,
    });
  }
  return refusals;
}

/** Gives every reason why these modules may not be loaded; `isComponent` says that what they import comes from their component. */
export function findRefusals(
  modules: readonly NamedModule[],
  rules: { readonly isComponent: boolean; readonly deterministic: boolean },
): readonly Refusal[] {
  return modules.flatMap((each) => judge(each, rules.isComponent, rules.deterministic));
}

/** Writes a refusal as one line. */
export function formatRefusal({ module, functionIndex, why }: Refusal): string {
  return functionIndex === null ? `${module}: ${why}` : `${module}, function ${functionIndex}: ${why}`;
}
