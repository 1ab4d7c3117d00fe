/** Finds every core module of a function's file: the file itself, or those inside a component and the components nested in it. */
import { isCoreModule } from '../component/core-module.ts';
import { readComponent } from '../component/read-component.ts';
import type { Definition } from '../component/syntax.ts';

export interface FoundModule {
  /** Where it is, for people: `core module 2`, or `core module 0 of component 1`. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

function collect(definitions: readonly Definition[], suffix: string, into: FoundModule[]): void {
  let modules = 0;
  let components = 0;
  for (const definition of definitions) {
    if (definition.kind === 'core-module') {
      into.push({ name: `core module ${modules}${suffix}`, bytes: definition.bytes });
      modules += 1;
    } else if (definition.kind === 'component') {
      collect(definition.definitions, ` of component ${components}${suffix}`, into);
      components += 1;
    }
  }
}

/** Gives the core modules of a module or component; @throws Malformed when it is neither. */
export function findCoreModules(bytes: Uint8Array): readonly FoundModule[] {
  if (isCoreModule(bytes)) return [{ name: 'the module', bytes }];
  const found: FoundModule[] = [];
  collect(readComponent(bytes), '', found);
  return found;
}
