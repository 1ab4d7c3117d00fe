/** The engine's WebAssembly, as far as the sandbox uses it, with types; only the function's own process may call it. */

/** A compiled core module. */
export type CompiledModule = object;

/** A WASM memory. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

interface Engine {
  compile(bytes: Uint8Array): Promise<CompiledModule>;
  /** Tells whether bytes are a valid module. */
  validate(bytes: Uint8Array): boolean;
  instantiate(
    module: CompiledModule,
    imports: object,
  ): Promise<{ readonly exports: Readonly<Record<string, unknown>> }>;
  readonly Module: {
    new (bytes: Uint8Array): CompiledModule;
    imports(module: CompiledModule): readonly { readonly module: string; readonly name: string }[];
  };
  /** Makes a function that a guest may call and that may answer with a promise. [JSPI] */
  readonly Suspending: new (
    call: (...args: never[]) => unknown,
  ) => object;
  /** Makes an export answer with a promise, so that what it calls may suspend. [JSPI] */
  promising(call: (...args: never[]) => unknown): (...args: unknown[]) => Promise<unknown>;
  readonly Instance: new (
    module: CompiledModule,
    imports: object,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly Memory: new (descriptor: { initial: number; maximum?: number }) => WasmMemory;
}

/** V8's WebAssembly. */
export const ENGINE: Engine = (globalThis as unknown as { readonly WebAssembly: Engine }).WebAssembly;
