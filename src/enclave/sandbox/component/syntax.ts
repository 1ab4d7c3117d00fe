/** What stands in a component's binary, definition by definition, as read and not yet understood. [Component Model Binary.md] */

/** Sorts of things that a core module can import and export. */
export type CoreSort = 'func' | 'table' | 'memory' | 'global' | 'type' | 'module' | 'instance';
/** Sorts of things that a component can import and export; `core-module` is the only core sort among them. */
export type Sort = 'core-module' | 'func' | 'value' | 'type' | 'component' | 'instance';

/** Value types that have no parts, in the order in which the binary numbers them: from 0x7f downwards. */
export const PRIMITIVES = [
  'bool',
  's8',
  'u8',
  's16',
  'u16',
  's32',
  'u32',
  's64',
  'u64',
  'f32',
  'f64',
  'char',
  'string',
] as const;
export type Primitive = (typeof PRIMITIVES)[number];

/** A value type where one is used: a primitive, or the index of a type. */
export type ValueRef = Primitive | number;

/** A label with the type that goes with it. */
export type Labelled<T> = readonly [label: string, type: T];

export type TypeSyntax =
  | { readonly kind: 'primitive'; readonly primitive: Primitive }
  | { readonly kind: 'record'; readonly fields: readonly Labelled<ValueRef>[] }
  | { readonly kind: 'variant'; readonly cases: readonly Labelled<ValueRef | null>[] }
  | { readonly kind: 'list' | 'option'; readonly element: ValueRef }
  | { readonly kind: 'tuple'; readonly elements: readonly ValueRef[] }
  | { readonly kind: 'flags' | 'enum'; readonly labels: readonly string[] }
  | { readonly kind: 'result'; readonly ok: ValueRef | null; readonly err: ValueRef | null }
  | { readonly kind: 'own' | 'borrow'; readonly resource: number }
  | { readonly kind: 'stream' | 'future'; readonly element: ValueRef | null }
  | {
      readonly kind: 'func';
      readonly params: readonly Labelled<ValueRef>[];
      readonly result: ValueRef | null;
      readonly isAsync: boolean;
    }
  | { readonly kind: 'resource'; readonly destructor: number | null }
  | { readonly kind: 'instance' | 'component'; readonly declarations: readonly Definition[] };

/** What an import or a declared export is described by. */
export type Description =
  | { readonly sort: 'func' | 'component' | 'instance'; readonly type: number }
  | { readonly sort: 'type'; readonly bound: 'resource' | number };

export interface CanonicalOptions {
  readonly memory: number | null;
  readonly realloc: number | null;
  readonly postReturn: number | null;
  readonly isAsync: boolean;
  readonly callback: number | null;
}

/** Canonical functions that copy between a guest and a stream or future. */
export type CopyOp = 'stream.read' | 'stream.write' | 'future.read' | 'future.write';
/** Those that end such a copy. */
export type CancelOp = 'stream.cancel-read' | 'stream.cancel-write' | 'future.cancel-read' | 'future.cancel-write';
/** Those that make or drop the ends of a stream or future. */
export type EndOp =
  | 'stream.new'
  | 'stream.drop-readable'
  | 'stream.drop-writable'
  | 'future.new'
  | 'future.drop-readable'
  | 'future.drop-writable';
/** Those that need nothing but the component instance that they are called in. */
export type PlainOp =
  | 'task.cancel'
  | 'subtask.drop'
  | 'waitable-set.new'
  | 'waitable-set.drop'
  | 'waitable.join'
  | 'backpressure.inc'
  | 'backpressure.dec'
  | 'thread.yield';

export type Canonical =
  | { readonly op: 'lift'; readonly core: number; readonly options: CanonicalOptions; readonly type: number }
  | { readonly op: 'lower'; readonly func: number; readonly options: CanonicalOptions }
  | { readonly op: 'new' | 'drop' | 'rep'; readonly resource: number }
  | { readonly op: 'task.return'; readonly result: ValueRef | null; readonly options: CanonicalOptions }
  | { readonly op: 'context.get' | 'context.set'; readonly slot: number }
  | { readonly op: CopyOp; readonly type: number; readonly options: CanonicalOptions }
  | { readonly op: CancelOp; readonly type: number; readonly isAsync: boolean }
  | { readonly op: EndOp; readonly type: number }
  | { readonly op: 'subtask.cancel'; readonly isAsync: boolean }
  | { readonly op: 'waitable-set.wait' | 'waitable-set.poll'; readonly memory: number }
  | { readonly op: PlainOp };

export type Alias =
  | { readonly from: 'instance'; readonly sort: Sort; readonly instance: number; readonly name: string }
  | { readonly from: 'core-instance'; readonly sort: CoreSort; readonly instance: number; readonly name: string }
  | { readonly from: 'outer'; readonly sort: Sort; readonly levels: number; readonly index: number };

/** One definition; those of a type's declarations are of the same forms. */
export type Definition =
  | { readonly kind: 'core-module'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'core-instance';
      readonly of:
        | { readonly module: number; readonly args: readonly Labelled<number>[] }
        | { readonly exports: readonly (readonly [name: string, sort: CoreSort, index: number])[] };
    }
  | { readonly kind: 'component'; readonly definitions: readonly Definition[] }
  | {
      readonly kind: 'instance';
      readonly of:
        | { readonly component: number; readonly args: readonly NamedIndex[] }
        | { readonly exports: readonly NamedIndex[] };
    }
  | { readonly kind: 'alias'; readonly alias: Alias }
  | { readonly kind: 'type'; readonly type: TypeSyntax }
  | { readonly kind: 'canonical'; readonly canonical: Canonical }
  | { readonly kind: 'import'; readonly name: string; readonly description: Description }
  | { readonly kind: 'export'; readonly name: string; readonly sort: Sort; readonly index: number }
  | { readonly kind: 'export-declaration'; readonly name: string; readonly description: Description };

/** A name for one thing of a sort. */
export type NamedIndex = readonly [name: string, sort: Sort, index: number];
