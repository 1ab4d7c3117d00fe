/**
 * The list of commands, in the order of the help page. Each is loaded only when it is called, so that `--help` and a small command
 * do not pay for the worker. A name of two words is a command in a group (`policy check`).
 */
import type { CliCommand } from './command.ts';

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<CliCommand>;
}

export const COMMANDS: readonly CommandEntry[] = [];
