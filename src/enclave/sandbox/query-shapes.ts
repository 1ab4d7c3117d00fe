/**
 * How a query is put to a function of each kind, and how the end of its call becomes the answer. A program ends with 0 and has answered with
 * what it wrote, or ends with another code and has not answered; its code stays here, because an owner's limits are about answers.
 */
import { LIMITS } from '../../base/limits.ts';
import { FunctionError, TransportError } from '../../errors.ts';
import { type Body, readWhole } from './body.ts';
import type { Variables } from './bundle.ts';
import type { CallAnswer, CallOptions } from './call-in-flight.ts';
import { writeCommand } from './command-messages.ts';
import type { Head } from './frame-head.ts';
import type { FunctionKind } from './grants.ts';
import { writeRequestHead } from './messages.ts';
import { queryVariables } from './query-variables.ts';
import type { FunctionRequest, FunctionResponse } from './sandbox.ts';

/** A query as its function's process is sent it. */
interface Written {
  readonly head: Head;
  readonly body: Body;
}

export interface QueryShape {
  readonly expects: CallOptions['expects'];
  /**
   * @throws FunctionError ERR_FUNCTION_METHOD for a method that this kind does not have
   * @throws TransportError ERR_TRANSPORT_CLOSED when the body of a program's query broke off
   */
  readonly write: (request: FunctionRequest) => Written | Promise<Written>;
  /** @throws FunctionError ERR_FUNCTION_EXIT, ERR_FUNCTION_PROTOCOL */
  readonly read: (answer: CallAnswer) => FunctionResponse;
}

const foreign = (): FunctionError =>
  new FunctionError('ERR_FUNCTION_PROTOCOL', 'the function ended in another way than its kind has');

const HTTP_SHAPE: QueryShape = {
  expects: 'answer',
  write: (request) => ({ head: writeRequestHead(request), body: request.body }),
  read(answer) {
    if (answer.type !== 'answer') throw foreign();
    return answer.response;
  },
};

function openBytesShape(name: string, type: string): QueryShape {
  return {
    expects: HTTP_SHAPE.expects,
    write(request) {
      if (request.method === 'POST') return HTTP_SHAPE.write(request);
      const why = `function "${name}" takes bytes and gives bytes: it is asked with POST, not with ${request.method}`;
      throw new FunctionError('ERR_FUNCTION_METHOD', why);
    },
    read(answer) {
      const response = HTTP_SHAPE.read(answer);
      return response.status === 200 ? { ...response, headers: [['content-type', type]] } : response;
    },
  };
}

function openProgramShape(name: string, type: string, given: Variables): QueryShape {
  return {
    expects: { trees: 0 },
    async write(request) {
      // A program is given its input whole.
      const stdin = await readWhole(request.body, LIMITS.bodyBytes);
      if (stdin === null)
        throw new TransportError('ERR_TRANSPORT_CLOSED', 'the body of the query broke off, or is too large');
      const env = [...queryVariables(request, stdin.length), ...given];
      return writeCommand({ args: [name], env, stdin, mounts: [] });
    },
    read(answer) {
      if (answer.type !== 'exit') throw foreign();
      const { code, stdout } = answer.exit;
      if (code !== 0) throw new FunctionError('ERR_FUNCTION_EXIT', `function "${name}" ended with another code than 0`);
      return { status: 200, headers: [['content-type', type]], body: stdout };
    },
  };
}

/**
 * Gives the shape of a kind; `name` is the function's, for messages and as a program's first argument; `type` the media type of what a kind
 * answers that cannot say it, `env` what a program finds in its environment beside its query.
 */
export function openQueryShape(kind: FunctionKind, name: string, type: string, env: Variables): QueryShape {
  if (kind === 'http') return HTTP_SHAPE;
  return kind === 'bytes' ? openBytesShape(name, type) : openProgramShape(name, type, env);
}
