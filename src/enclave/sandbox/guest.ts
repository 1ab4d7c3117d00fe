/** Makes a function callable inside its own process, by its kind. */
import type { Bundle } from './bundle.ts';
import { openComponent } from './component-guest.ts';
import type { CancelHandle } from './guest-call.ts';
import type { CommandExit, CommandRequest } from './messages.ts';
import { openModule } from './module-guest.ts';
import type { AskOutside, FunctionRequest, FunctionResponse } from './sandbox.ts';

/** A loaded function, ready to be called; each call has its own instance, and calls may overlap. */
export interface Guest {
  /** @throws GuestFailure when the call has no answer. */
  query(
    request: FunctionRequest,
    egress: AskOutside,
    log: (text: string) => void,
    handle: CancelHandle,
  ): Promise<FunctionResponse>;
  /** @throws GuestFailure when the program neither ended nor asked to. */
  command(request: CommandRequest, handle: CancelHandle): Promise<CommandExit>;
}

/** Compiles a function and makes it callable; whatever is wrong with it is thrown as an error with a message. */
export async function openGuest(bundle: Bundle, outputBytes: number): Promise<Guest> {
  return bundle.kind === 'preview1' ? await openModule(bundle, outputBytes) : await openComponent(bundle, outputBytes);
}
