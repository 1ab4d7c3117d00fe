/** What a call refuses with, so that a test can compare it. */
import { ConfigurationError } from '../../src/errors.ts';

/** Gives the code of the error that a run ends with, or what it gave. */
export async function codeOf(run: () => unknown): Promise<unknown> {
  try {
    return await run();
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
}

/** Gives the code of the error that a run without promises throws, or says that it threw none. */
export function code(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigurationError) return error.code;
    throw error;
  }
  return 'not refused';
}
