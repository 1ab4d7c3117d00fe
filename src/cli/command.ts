/**
 * The shape of one command: what it takes, one example, and what it does with the streams it is given. Commands know nothing of the
 * library that parses arguments (main.ts does), read no environment, and never end the process: they return an exit code or throw.
 */

/** A positional argument; only the last one may be repeatable. */
export interface CliArgument {
  readonly name: string;
  readonly summary: string;
  readonly required: boolean;
  readonly repeatable: boolean;
}

/** An option: `value` is the placeholder of what follows it, or null for a switch. */
export interface CliOption {
  /** Long name without dashes. */
  readonly name: string;
  readonly value: string | null;
  readonly summary: string;
  readonly repeatable: boolean;
}

/** Anything that takes text or bytes: a process stream, or a list in a test. */
export interface CliWriter {
  write(chunk: string | Uint8Array): unknown;
}

/** The world of a command. `stdin` is opened on first use. */
export interface CliIo {
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: CliWriter;
  readonly stderr: CliWriter;
  /** Whether stderr is a terminal, so that progress helps a person. */
  readonly isTty: boolean;
  /** Absolute path that relative paths of arguments are resolved against. */
  readonly cwd: string;
  /** Resolves when the process is asked to stop (SIGINT or SIGTERM); signals keep their default until this is called. */
  untilStopped(): Promise<void>;
}

/** What was on the command line, already checked against the command's arguments and options. */
export interface CliInput {
  readonly positionals: readonly string[];
  /** Names of the switches that were given. */
  readonly switches: ReadonlySet<string>;
  /** Values of the options that were given, in order; one value unless the option is repeatable. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

export interface CliCommand {
  readonly summary: string;
  /** One line that works as it stands. */
  readonly example: string;
  readonly arguments: readonly CliArgument[];
  readonly options: readonly CliOption[];
  /** Whether all that follows the first positional goes to `positionals` as it is, options too (for a guest's own arguments). */
  readonly passThrough: boolean;
  /**
   * Runs the command and returns its exit code.
   * @throws EnclaveError for what is refused or wrong; main.ts prints it and takes the exit code from the error table.
   */
  run(input: CliInput, io: CliIo): Promise<number>;
}

/** The switch of every command that has something to say to a machine. */
export const JSON_SWITCH: CliOption = {
  name: 'json',
  value: null,
  summary: 'write JSON for machines, errors too',
  repeatable: false,
};

/** Gives the value of an option, or null when it was not given. */
export function optionValue(input: CliInput, name: string): string | null {
  return input.values.get(name)?.at(-1) ?? null;
}

/** Gives all values of a repeatable option, in order. */
export function optionValues(input: CliInput, name: string): readonly string[] {
  return input.values.get(name) ?? [];
}
