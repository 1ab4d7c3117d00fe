/** Says what a function is and what it could touch, from its bytes alone: nothing of it is compiled or run, and what would be refused is a finding, not an error. */
import { type DigestText, formatDigest, sha256 } from '../../base/digest.ts';
import { FunctionError } from '../../errors.ts';
import { isCoreModule } from './component/core-module.ts';
import { Malformed } from './component/cursor.ts';
import { readComponent } from './component/read-component.ts';
import { checkFunctionForm, type FunctionKind, type WasiRelease } from './grants.ts';
import { groupImports } from './import-groups.ts';
import { findRefusals, formatRefusal, type NamedModule, readCoreModules } from './wasm/admission.ts';
import { FEATURES, type Feature } from './wasm/features.ts';

/** A memory in pages of 64 KiB; `maxPages` is null where the module names none, and then the cap of the worker is the maximum. */
export interface InspectedMemory {
  readonly minPages: number;
  readonly maxPages: number | null;
}

export interface InspectedModule {
  readonly name: string;
  readonly bytes: number;
  readonly functions: number;
  readonly memories: readonly InspectedMemory[];
  readonly features: readonly Feature[];
}

export interface InspectedImports {
  readonly group: string;
  readonly touches: string;
  readonly names: readonly string[];
}

export interface Inspection {
  /** How it is called; null when it cannot be loaded. */
  readonly kind: FunctionKind | null;
  /** The release of WASI that it needs; one of 0.3 is loaded only where a worker or a run allows it. null when it cannot be loaded. */
  readonly wasi: WasiRelease | null;
  readonly digest: DigestText;
  readonly bytes: number;
  readonly imports: readonly InspectedImports[];
  readonly exports: readonly string[];
  readonly modules: readonly InspectedModule[];
  /** Why it would not be loaded. */
  readonly refused: readonly string[];
  /** Why it would not be loaded where an owner demands that it be deterministic. */
  readonly notDeterministic: readonly string[];
  /** The kinds of destinations that it could ask, and that a policy would have to list. */
  readonly egress: readonly ('https' | 'tcp')[];
}

/** The releases of WASI that are loaded: always, and where it is allowed. */
const ALWAYS: readonly WasiRelease[] = ['0.2'];
const ALLOWED: readonly WasiRelease[] = ['0.2', '0.3'];

/** Runs a reader; what it cannot read becomes a finding. */
function attempt<T>(read: () => T, otherwise: T, findings: string[]): T {
  try {
    return read();
  } catch (e) {
    if (!(e instanceof Malformed) && !(e instanceof FunctionError)) throw e;
    findings.push(e.message);
    return otherwise;
  }
}

function namesOf(bytes: Uint8Array, modules: readonly NamedModule[]): { imports: string[]; exports: string[] } {
  if (isCoreModule(bytes)) {
    return {
      imports: modules.flatMap(({ module }) => module.imports.map((i) => `${i.module} ${i.name}`)),
      exports: modules.flatMap(({ module }) => module.exports.map(({ name }) => name)),
    };
  }
  const definitions = readComponent(bytes);
  const imports = definitions.flatMap((d) => (d.kind === 'import' && d.description.sort !== 'type' ? [d.name] : []));
  return { imports, exports: definitions.flatMap((d) => (d.kind === 'export' ? [d.name] : [])) };
}

function describeModule({ name, module }: NamedModule): InspectedModule {
  return {
    name,
    bytes: module.bytes.length,
    functions: module.own.func,
    memories: module.memories
      .slice(module.imported.memory)
      .map(({ min, max }) => ({ minPages: Number(min), maxPages: max === null ? null : Number(max) })),
    features: (Object.keys(FEATURES) as Feature[]).filter((feature) => module.features.has(feature)),
  };
}

/** Inspects the bytes of a function; `name` is for the findings. */
export function inspectFunction(bytes: Uint8Array, name: string): Inspection {
  const findings: string[] = [];
  const kind = attempt(() => checkFunctionForm(bytes, name, ALLOWED), null, findings);
  const needsMore = attempt(() => checkFunctionForm(bytes, name, ALWAYS), null, []) === null;
  // Bytes that are no component at all have said so already.
  const modules = attempt(() => readCoreModules(bytes), [], kind === null ? [] : findings);
  const { imports, exports } = attempt(() => namesOf(bytes, modules), { imports: [], exports: [] }, []);
  const groups = groupImports([...new Set(imports)]);
  const isComponent = !isCoreModule(bytes);
  const refused = findRefusals(modules, { isComponent, deterministic: false }).map(formatRefusal);
  const inMode = findRefusals(modules, { isComponent, deterministic: true }).map(formatRefusal);
  const loads = findings.length === 0 && refused.length === 0 ? kind : null;
  return {
    kind: loads,
    wasi: loads === null ? null : needsMore ? '0.3' : '0.2',
    digest: formatDigest(sha256(bytes)),
    bytes: bytes.length,
    imports: groups.map(({ group, imports: names }) => ({ group: group.name, touches: group.touches, names })),
    exports,
    modules: modules.map(describeModule),
    refused: [...findings, ...refused],
    notDeterministic: inMode.filter((why) => !refused.includes(why)),
    egress: groups.flatMap(({ group }) => (group.egress === null ? [] : [group.egress])),
  };
}
