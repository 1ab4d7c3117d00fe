/** The program of the test page: fetches the questions, answers them, and sends back what it found or how it failed. */
import { examine, type Findings, type Questions } from './examination.ts';

/** What the page sends back; `violations` names the directive of each thing that the content security policy did not allow. */
export type PageAnswer =
  | { readonly findings: Findings; readonly evaluatesText: boolean; readonly violations: readonly string[] }
  | { readonly failure: string };

declare const document: {
  addEventListener(
    type: 'securitypolicyviolation',
    listen: (event: { readonly effectiveDirective: string }) => void,
  ): void;
};

const violations: string[] = [];
document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => violations.push(effectiveDirective));

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
    const evaluates = evaluatesText();
    const questions = (await (await fetch('/questions')).json()) as Questions;
    const findings = await examine(questions);
    // Violations are told in tasks of their own.
    await new Promise((resolve) => setTimeout(resolve, 0));
    return { findings, evaluatesText: evaluates, violations };
  } catch (error) {
    return { failure: error instanceof Error ? `${error.stack ?? ''} ${error.message}` : String(error) };
  }
}

await fetch('/answer', { method: 'POST', body: JSON.stringify(await answer()) });
