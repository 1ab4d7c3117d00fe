/**
 * Where the messages of WASI 0.3 meet the gate: requests that leave, their answers, and the answer to a query. What a body goes through here is
 * a source or a sink; how the gate takes it is known in this file only.
 */
import type { EgressAnswer, EgressRequest, FunctionRequest, FunctionResponse } from '../../sandbox.ts';
import type { ByteSink, ByteSource } from '../byte-stream.ts';
import type { GuestCall } from '../call.ts';
import { OutputBuffer } from '../io.ts';
import { sinkOf, sourceOf } from './call-streams.ts';

/** A body that is collected until it is complete. */
interface Collected {
  readonly sink: ByteSink;
  /** Gives the bytes, null when the body broke off. */
  readonly whole: Promise<Uint8Array | null>;
}

function collect(buffer: OutputBuffer): Collected {
  const { promise: whole, resolve } = Promise.withResolvers<Uint8Array | null>();
  const inner = sinkOf(buffer);
  const sink: ByteSink = {
    get state() {
      return inner.state;
    },
    get room() {
      return inner.room;
    },
    write: (bytes) => inner.write(bytes),
    end: () => resolve(buffer.bytes()),
    abort: () => resolve(null),
    changed: () => inner.changed(),
  };
  return { sink, whole };
}

/** Begins a request whose body is written into the sink. */
export function beginRequest(
  call: GuestCall,
  head: Omit<EgressRequest, 'body'>,
): { readonly sink: ByteSink; readonly answer: Promise<EgressAnswer> } {
  const { sink, whole } = collect(new OutputBuffer(call.forRequests, call.exceeded));
  const answer = whole.then((body) => (body === null ? { error: 'internal-error' } : call.egress({ ...head, body })));
  return { sink, answer };
}

/** Gives what a body of the gate is read from. */
export function bodySource({ body }: FunctionRequest | FunctionResponse): ByteSource {
  return sourceOf({ rest: body });
}

/** Begins the answer to a query; its body is written into the sink. */
export function beginAnswer(call: GuestCall): Collected {
  return collect(new OutputBuffer(call.forAnswers, call.exceeded));
}
