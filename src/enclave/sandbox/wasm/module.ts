/** What our reader knows of a core module: enough to decide whether it may be loaded, and to change it without understanding all of it. */
import type { Feature, Place } from './features.ts';
import type { FunctionTypes } from './read-function-types.ts';
import type { Section } from './sections.ts';

export type ModuleSort = 'func' | 'table' | 'memory' | 'global' | 'tag';

/** Sizes of a memory in pages of 64 KiB, or of a table in places; `max` is null where there is none. */
export interface ModuleLimits {
  readonly min: bigint;
  readonly max: bigint | null;
  /** Where the limits stand in the module, flags included. */
  readonly start: number;
  readonly end: number;
}

export interface ModuleImport {
  readonly module: string;
  readonly name: string;
  readonly sort: ModuleSort;
}

export interface ModuleExport {
  readonly name: string;
  readonly sort: ModuleSort;
  readonly index: number;
}

/** One function's code; its size stands before it. */
export interface Body {
  /** Where its locals begin, after the number of their groups. */
  readonly start: number;
  readonly localGroups: number;
  /** Locals with the parameters. */
  readonly locals: number;
  /** Where its instructions begin. */
  readonly code: number;
  readonly end: number;
}

export interface CoreModule {
  readonly bytes: Uint8Array;
  readonly sections: readonly Section[];
  readonly types: FunctionTypes;
  readonly imports: readonly ModuleImport[];
  /** Functions, globals and so on that it has of its own. */
  readonly own: Readonly<Record<ModuleSort, number>>;
  readonly imported: Readonly<Record<ModuleSort, number>>;
  /** Imported ones first. */
  readonly memories: readonly ModuleLimits[];
  readonly exports: readonly ModuleExport[];
  /** Whether an indirect call of it may lead to a function that is not its own: it has references to such, or exchanges them with others. */
  readonly reachesOthers: boolean;
  readonly hasStart: boolean;
  readonly bodies: readonly Body[];
  readonly features: ReadonlyMap<Feature, Place>;
}
