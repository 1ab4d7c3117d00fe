/**
 * Bodies as a deterministic guest meets them: what comes in is all there before the guest sees any of it, and what goes out is taken as fast as
 * it is written. How fast the other side reads and writes is nothing that workers could agree on.
 */
import { openByteCollector } from '../../base/byte-collector.ts';
import { LIMITS } from '../../base/limits.ts';
import { readWhole } from './body.ts';
import type { AnswerWriter } from './guest.ts';
import { NO_OUTSIDE } from './net/outside.ts';
import type { EgressAnswer } from './sandbox.ts';
import type { ByteSink } from './wasi/byte-stream.ts';
import type { BeginOutside, Outside } from './wasi/call.ts';

/** Makes a writer that always has room, up to what a whole body may have: what cannot go out yet waits in it. */
export function hurry(to: AnswerWriter): AnswerWriter {
  let left = LIMITS.bodyBytes;
  return {
    state: 'open',
    room: LIMITS.windowBytes,
    over: to.over,
    begin(bytes) {
      left -= bytes.length;
      to.begin(bytes);
    },
    write(bytes) {
      if (bytes.length > left) return false;
      left -= bytes.length;
      to.begin(bytes);
      return true;
    },
    end: () => to.end(),
    abort: () => to.abort(),
    changed: () => Promise.resolve(),
  };
}

async function readAnswer(answer: Promise<EgressAnswer>): Promise<EgressAnswer> {
  const given = await answer;
  if ('error' in given) return given;
  const body = await readWhole(given.body, LIMITS.bodyBytes);
  return body === null ? { error: 'HTTP-response-incomplete' } : { ...given, body };
}

/** Makes a way out on which everything is whole, so without sockets; `during` is told of each request until its answer is here. */
export function wholeOutside(outside: Outside, during: <T>(answer: Promise<T>) => Promise<T>): Outside {
  const beginEgress: BeginOutside = (head, held) => {
    const whole = openByteCollector(LIMITS.bodyBytes);
    let fits = whole.add(held);
    const { promise: answer, resolve } = Promise.withResolvers<EgressAnswer>();
    const body: ByteSink = {
      state: 'open',
      room: LIMITS.windowBytes,
      write(bytes) {
        fits &&= whole.add(bytes);
        return fits;
      },
      end() {
        if (!fits) return resolve({ error: 'HTTP-request-body-size' });
        const begun = outside.beginEgress(head, whole.bytes());
        begun.body.end();
        resolve(during(readAnswer(begun.answer)));
      },
      abort: () => resolve({ error: 'internal-error' }),
      changed: () => Promise.resolve(),
    };
    return { answer, body };
  };
  return { egress: (request) => during(readAnswer(outside.egress(request))), beginEgress, sockets: NO_OUTSIDE };
}
