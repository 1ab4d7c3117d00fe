/** A loaded function that can be retired: it ends when its last call is over, so that a change of policy breaks off nobody's answer. */
import { LIMITS } from '../base/limits.ts';
import { MeteredSource } from './metered-source.ts';
import { isWhole } from './sandbox/body.ts';
import type { LoadedFunction } from './sandbox/sandbox.ts';
import { keepTrailers } from './sandbox/trailers.ts';

export interface RetiringFunction extends LoadedFunction {
  /** Closes the function once no call is under way; each of them lasts no longer than its deadline. */
  retire(): Promise<void>;
}

/** Counts the calls of a function, each to the last byte of its answer. */
export function openRetiringFunction(loaded: LoadedFunction): RetiringFunction {
  let underWay = 0;
  const idle = Promise.withResolvers<void>();
  let isRetired = false;
  const leave = (): void => {
    underWay -= 1;
    if (isRetired && underWay === 0) idle.resolve();
  };
  return {
    async call(request, terms) {
      underWay += 1;
      let isStreamed = false;
      try {
        const answer = await loaded.call(request, terms);
        if (isWhole(answer.body)) return answer;
        isStreamed = true;
        const source = new MeteredSource(answer.body.source, {
          maxBytes: LIMITS.streamBytes,
          onBytes: () => true,
          onTrailers: keepTrailers,
          onEnd: () => {
            leave();
            return true;
          },
        });
        return { ...answer, body: { ...answer.body, source } };
      } finally {
        if (!isStreamed) leave();
      }
    },
    close: () => loaded.close(),
    async retire() {
      isRetired = true;
      if (underWay > 0) await idle.promise;
      await loaded.close();
    },
  };
}
