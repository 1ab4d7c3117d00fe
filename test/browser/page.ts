/** The program of the test page: fetches the questions, answers them, and sends back what it found or how it failed. */
import { examine, type Findings, type Questions } from './examination.ts';

/** What the page sends back. */
export type PageAnswer =
  | { readonly findings: Findings; readonly evaluatesText: boolean; readonly ms: number }
  | { readonly failure: string };

/** Tells whether the page may make code from text; it must not, or the test would not see that the package does. */
function evaluatesText(): boolean {
  try {
    return Reflect.construct(Function, ['return true'])() === true;
  } catch {
    return false;
  }
}

async function answer(): Promise<PageAnswer> {
  try {
    const questions = (await (await fetch('/questions')).json()) as Questions;
    const start = performance.now();
    const findings = await examine(questions);
    return { findings, evaluatesText: evaluatesText(), ms: performance.now() - start };
  } catch (error) {
    return { failure: error instanceof Error ? `${error.stack ?? ''} ${error.message}` : String(error) };
  }
}

await fetch('/answer', { method: 'POST', body: JSON.stringify(await answer()) });
