/** Makes a function callable inside its own process, by its kind. */
import type { Bundle } from './bundle.ts';
import type { CommandExit, CommandRequest } from './command-messages.ts';
import { openComponent } from './component-guest.ts';
import { openGivenFiles } from './files/mount.ts';
import type { CancelHandle } from './guest-call.ts';
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
  command(request: CommandRequest, egress: AskOutside, handle: CancelHandle): Promise<CommandExit>;
}

/** Compiles a function and makes it callable; whatever is wrong with it is thrown as an error with a message. */
export async function openGuest(bundle: Bundle, outputBytes: number): Promise<Guest> {
  const files = openGivenFiles(bundle.mounts, bundle.scratchBytes);
  return bundle.kind === 'preview1'
    ? await openModule(bundle, files, outputBytes)
    : await openComponent(bundle, files, outputBytes);
}
