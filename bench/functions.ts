/** The functions of the benchmarks, built from text: bench/functions/NAME.wat becomes a component that answers HTTP queries. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatDigest, sha256 } from '../src/base/digest.ts';
import { buildComponent } from '../tools/build-functions.ts';

export interface BenchFunction {
  readonly file: string;
  readonly bytes: Uint8Array;
  /** As policies write it. */
  readonly digest: string;
}

/** Builds a function and writes it into a folder. */
export async function buildBenchFunction(name: 'hello' | 'echo', folder: string): Promise<BenchFunction> {
  const wat = readFileSync(join(import.meta.dirname, 'functions', `${name}.wat`), 'utf8');
  const bytes = await buildComponent(wat, 'http');
  const file = join(folder, `${name}.wasm`);
  await writeFile(file, bytes);
  return { file, bytes, digest: formatDigest(sha256(bytes)) };
}
