/** Has one component transpiled in a throw-away process, under a deadline and memory caps. The answer is carried, never loaded here. */
import { LIMITS } from '../../base/limits.ts';
import { FunctionError } from '../../errors.ts';
import { type Bundle, parseBundle } from './bundle.ts';
import { openChildLink } from './child-link.ts';
import { spawnTranspileChild } from './confinement.ts';
import { encodeFrame } from './frame.ts';
import { FRAME, parseChildMessage } from './messages.ts';

const DEADLINE_MS = 60_000;
/** jco needed 431 MiB for a component of 14 MiB; four times that is room for the largest file. */
const LIMITS_OF_JCO = { heapMiB: 1024, memoryPages: 32_768 } as const;
/** Core modules weigh what the component weighs; glue stayed under 2 MiB. */
const BUNDLE_BYTES = LIMITS.functionBytes + 16 * 1024 * 1024;

/**
 * Transpiles a component whose digest and form are already checked.
 * @throws FunctionError ERR_FUNCTION_INVALID when jco refuses it, dies or takes too long
 */
export async function transpileComponent(
  component: Uint8Array,
  kind: 'http' | 'command',
  name: string,
): Promise<Bundle> {
  const { promise, resolve, reject } = Promise.withResolvers<Bundle>();
  const fail = (why: string): void =>
    reject(new FunctionError('ERR_FUNCTION_INVALID', `function "${name}" could not be transpiled: ${why}`));
  let printed = '';
  const link = openChildLink(spawnTranspileChild(LIMITS_OF_JCO), BUNDLE_BYTES, {
    onFrame: (frame) => {
      const bundle = parseBundle(frame)?.bundle;
      const message = bundle === undefined ? parseChildMessage(frame) : null;
      if (bundle !== undefined && bundle.kind === kind) resolve(bundle);
      else if (message?.type === 'refused') fail(message.text);
      else return false;
      return true;
    },
    onEnd: (end) =>
      fail(end === 'killed' ? `it took more than ${DEADLINE_MS / 1000} seconds` : `the transpiler died${printed}`),
    onPrint: (line) => {
      printed ||= `: ${line}`;
    },
  });
  const timer = setTimeout(() => link.kill('killed'), DEADLINE_MS);
  try {
    void link.send(encodeFrame(FRAME.load, 0, { kind }, component));
    return await promise;
  } finally {
    clearTimeout(timer);
    link.kill('killed');
  }
}
