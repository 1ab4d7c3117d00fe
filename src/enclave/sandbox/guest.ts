/** Makes a function callable inside its own process, by its kind. */
import type { Bundle } from './bundle.ts';
import type { CommandExit, CommandRequest } from './command-messages.ts';
import { openComponent } from './component-guest.ts';
import { openGivenFiles } from './files/mount.ts';
import type { CancelHandle } from './guest-call.ts';
import type { OnWire } from './messages.ts';
import { openModule } from './module-guest.ts';
import type { FunctionRequest, FunctionResponse } from './sandbox.ts';
import type { ByteSink } from './wasi/byte-stream.ts';
import type { Outside } from './wasi/call.ts';

/** What the body of an answer goes out by; bytes that it begins with may be more than there is room for. */
export interface AnswerWriter extends ByteSink {
  begin(bytes: Uint8Array): void;
  /** Resolves when all of it has gone out. */
  readonly over: Promise<void>;
}

/** What a query is given by the process that it runs in. */
export interface QueryHost extends Outside {
  /** Sends the head of an answer; gives what its body goes out by. */
  beginAnswer(head: OnWire<FunctionResponse>): AnswerWriter;
  log(text: string): void;
}

/** A loaded function, ready to be called; each call has its own instance, and calls may overlap. */
export interface Guest {
  /**
   * Gives the answer, or null when it went out by `beginAnswer`, and all of its body with it.
   * @throws GuestFailure when the call has no answer, or the body of its answer broke off.
   */
  query(request: FunctionRequest, host: QueryHost, handle: CancelHandle): Promise<FunctionResponse | null>;
  /** @throws GuestFailure when the program neither ended nor asked to. */
  command(request: CommandRequest, outside: Outside, handle: CancelHandle): Promise<CommandExit>;
}

/** Compiles a function and makes it callable; whatever is wrong with it is thrown as an error with a message. */
export async function openGuest(bundle: Bundle, outputBytes: number): Promise<Guest> {
  const files = openGivenFiles(bundle.mounts, bundle.scratchBytes);
  return bundle.kind === 'preview1'
    ? await openModule(bundle, files, outputBytes)
    : await openComponent(bundle, files, outputBytes);
}
