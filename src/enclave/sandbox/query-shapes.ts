/**
 * How a query is put to a function of each kind, and how the end of its call becomes the answer. A program ends with 0 and has answered with
 * what it wrote, or ends with another code and has not answered; its code stays here, because an owner's limits are about answers.
 */
import { FunctionError } from '../../errors.ts';
import { writeCommand } from './command-messages.ts';
import type { Head } from './frame-head.ts';
import type { CallAnswer } from './function-process.ts';
import type { FunctionKind } from './grants.ts';
import { writeRequestHead } from './messages.ts';
import { queryVariables } from './query-variables.ts';
import type { FunctionRequest, FunctionResponse } from './sandbox.ts';

export interface QueryShape {
  readonly expects: CallAnswer['type'];
  /** @throws FunctionError ERR_FUNCTION_METHOD for a method that this kind does not have */
  readonly write: (request: FunctionRequest) => { readonly head: Head; readonly body: Uint8Array };
  /** @throws FunctionError ERR_FUNCTION_EXIT, ERR_FUNCTION_PROTOCOL */
  readonly read: (answer: CallAnswer) => FunctionResponse;
}

/** What a program writes has no type of its own. */
const OUTPUT_TYPE = 'application/octet-stream';

const foreign = (): FunctionError =>
  new FunctionError('ERR_FUNCTION_PROTOCOL', 'the function ended in another way than its kind has');

function openHttpShape(): QueryShape {
  return {
    expects: 'answer',
    write: (request) => ({ head: writeRequestHead(request), body: request.body }),
    read(answer) {
      if (answer.type !== 'answer') throw foreign();
      return answer.response;
    },
  };
}

function openBytesShape(name: string): QueryShape {
  const { expects, write, read } = openHttpShape();
  return {
    expects,
    read,
    write(request) {
      if (request.method === 'POST') return write(request);
      const why = `function "${name}" takes bytes and gives bytes: it is asked with POST, not with ${request.method}`;
      throw new FunctionError('ERR_FUNCTION_METHOD', why);
    },
  };
}

function openProgramShape(name: string): QueryShape {
  return {
    expects: 'exit',
    write: (request) => writeCommand({ args: [name], env: queryVariables(request), stdin: request.body, mounts: [] }),
    read(answer) {
      if (answer.type !== 'exit') throw foreign();
      const { code, stdout } = answer.exit;
      if (code !== 0) throw new FunctionError('ERR_FUNCTION_EXIT', `function "${name}" ended with another code than 0`);
      return { status: 200, headers: [['content-type', OUTPUT_TYPE]], body: stdout };
    },
  };
}

/** Gives the shape of a kind; `name` is the function's, for messages and as a program's first argument. */
export function openQueryShape(kind: FunctionKind, name: string): QueryShape {
  if (kind === 'http') return openHttpShape();
  return kind === 'bytes' ? openBytesShape(name) : openProgramShape(name);
}
