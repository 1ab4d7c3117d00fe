/** Bundles a file for browsers, in memory, as an application's bundler would: conditions of a browser, one ES module, minified. */
import { rolldown } from 'rolldown';

export interface Bundle {
  readonly code: string;
  /** Paths of the modules that went in. */
  readonly modules: readonly string[];
  /** What stayed outside and would have to be loaded beside it. */
  readonly imports: readonly string[];
  /** What the bundler complained about. */
  readonly complaints: readonly string[];
}

/** Bundles `input` with everything that it imports. */
export async function bundleForBrowser(input: string): Promise<Bundle> {
  const complaints: string[] = [];
  const onLog = (_level: string, { message }: { readonly message: string }): void => void complaints.push(message);
  await using build = await rolldown({ input, platform: 'browser', onLog });
  const { output } = await build.generate({ format: 'esm', minify: true });
  const chunks = output.filter((file) => file.type === 'chunk');
  return {
    code: chunks.map(({ code }) => code).join('\n'),
    modules: chunks.flatMap(({ moduleIds }) => moduleIds),
    imports: chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports]),
    complaints,
  };
}
