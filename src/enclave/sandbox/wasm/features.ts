/** The features of core modules by name, and how a person reads them. Which of them are refused is decided in admission.ts. [WebAssembly core 3.0] */

/** Every feature beyond the first version of WebAssembly that our reader tells apart, with its words. */
export const FEATURES = {
  'sign-extension': 'sign extension',
  'saturating-conversions': 'saturating conversions',
  'bulk-memory': 'bulk memory operations',
  'reference-types': 'reference types',
  'multi-value': 'several results and block parameters',
  'tail-calls': 'tail calls',
  simd: 'SIMD',
  'relaxed-simd': 'relaxed SIMD',
  threads: 'threads (shared memory and atomics)',
  exceptions: 'exceptions',
  'legacy-exceptions': 'exceptions of the older form',
  'function-references': 'typed function references',
  gc: 'garbage-collected objects',
  memory64: '64-bit memories or tables',
  'multi-memory': 'several memories',
  'extended-const': 'extended constant expressions',
} as const;

export type Feature = keyof typeof FEATURES;

/** Where a feature was met first: in a function (counted with the imported ones), or outside of all functions. */
export interface Place {
  readonly functionIndex: number | null;
  /** Offset in the module, in bytes. */
  readonly offset: number;
}
