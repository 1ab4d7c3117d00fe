/**
 * The answer of one query as its guest gives it: kept while it may go out whole, sent in pieces when it cannot wait. It is complete only
 * when the guest has returned: until then the guest may still trap, and nothing of that kind may look complete.
 */
import type { AnswerWriter, QueryHost } from './guest.ts';
import { GuestFailure } from './guest-call.ts';
import type { FunctionResponse } from './sandbox.ts';
import type { Trailers } from './trailers.ts';
import type { ByteSink } from './wasi/byte-stream.ts';
import { type Answer, type AnyResponse, ResponseOutparam } from './wasi/http-outgoing.ts';

export interface OpenAnswer {
  /** Where the guest puts its answer. */
  readonly outparam: ResponseOutparam;
  /** Gives the answer whole, or null when it has begun to go out. @throws GuestFailure when there is none */
  response(): FunctionResponse | null;
  /** Ends what has begun to go out, and resolves when all of it has. @throws GuestFailure when the guest has not finished it */
  sent(): Promise<null>;
}

const UNFINISHED = 'it did not finish the body of its answer';

/** Opens the answer of a query; `fail` ends its call. */
export function openAnswer(host: Pick<QueryHost, 'beginAnswer'>, fail: (reason: string) => void): OpenAnswer {
  let given: Answer | null = null;
  let whole: FunctionResponse | null = null;
  let writer: AnswerWriter | null = null;
  let isFinished = false;
  let trailers: Trailers | undefined;

  const headOf = (response: AnyResponse): Omit<FunctionResponse, 'body'> => ({
    status: response.statusCode(),
    headers: response.headers().toHeaders(),
  });

  /** Stands between the guest and the writer: the guest's word that its body is finished is not yet the end. */
  const sinkOf = (to: AnswerWriter): ByteSink => ({
    get state() {
      return to.state;
    },
    get room() {
      return to.room;
    },
    write: (bytes) => to.write(bytes),
    end: (fields) => {
      isFinished = true;
      trailers = fields;
    },
    abort: () => fail(UNFINISHED),
    changed: () => to.changed(),
  });

  const outparam = new ResponseOutparam((answer) => {
    given = answer;
    if (answer.tag === 'error') return;
    const { response } = answer;
    response.release({
      whole: (body) => {
        whole = { ...headOf(response), body };
      },
      begin: (length, held) => {
        writer = host.beginAnswer({ ...headOf(response), body: { length } });
        writer.begin(held);
        return sinkOf(writer);
      },
      broken: () => fail(UNFINISHED),
    });
  });

  return {
    outparam,
    response() {
      if (given === null) throw new GuestFailure('it returned without an answer');
      if (given.tag === 'error') throw new GuestFailure(`it answered with the error ${given.code}`);
      if (whole === null && writer === null) throw new GuestFailure(UNFINISHED);
      return whole;
    },
    async sent() {
      if (!isFinished) throw new GuestFailure(UNFINISHED);
      writer?.end(trailers);
      await writer?.over;
      return null;
    },
  };
}
