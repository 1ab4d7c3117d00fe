/** What a call refuses with: the code of its error, so that a test can compare it, or what it gave. */
export async function codeOf(run: () => unknown): Promise<unknown> {
  try {
    return await run();
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
}
