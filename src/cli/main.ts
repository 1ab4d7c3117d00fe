#!/usr/bin/env node
/**
 * The command line: finds the command, has its arguments parsed, gives it the streams, and turns what it throws into stderr lines and
 * an exit code. The one door to commander; commands themselves are in files of their own, loaded on call (commands.ts).
 */
import { readFileSync, realpathSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { ConfigurationError, ERRORS } from '../errors.ts';
import type { CliCommand, CliInput, CliIo } from './command.ts';
import { COMMANDS, type CommandEntry } from './commands.ts';
import { exitOf, printable, writeError } from './output.ts';

const SUMMARY = 'Run functions in a sealed machine with two windows: who may ask, and where the code may connect.';

const USAGE_EXIT = ERRORS.ERR_CONFIGURATION_USAGE.exit;

/** Reads the version of this package. */
function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { version?: unknown }).version);
}

/** Declares a loaded command's arguments, options and example on commander's object. */
function declare(target: Command, command: CliCommand): void {
  for (const a of command.arguments) {
    const name = a.repeatable ? `${a.name}...` : a.name;
    target.argument(a.required ? `<${name}>` : `[${name}]`, a.summary);
  }
  for (const o of command.options) {
    const flags = o.value === null ? `--${o.name}` : `--${o.name} <${o.value}>`;
    if (o.repeatable)
      target.option(flags, `${o.summary} (repeatable)`, (value: string, all?: string[]) => [...(all ?? []), value]);
    else target.option(flags, o.summary);
  }
  if (command.passThrough) target.passThroughOptions();
  target.addHelpText('after', `\nExample:\n  ${command.example}`);
}

/** Sorts what commander parsed into the form that commands take. */
function toInput(target: Command, command: CliCommand): CliInput {
  const switches = new Set<string>();
  const values = new Map<string, readonly string[]>();
  for (const option of target.options) {
    const name = option.name();
    const known = command.options.find((o) => o.name === name);
    const given = target.getOptionValue(option.attributeName()) as string | string[] | true | undefined;
    if (known === undefined || given === undefined) continue;
    if (given === true) switches.add(name);
    else values.set(name, typeof given === 'string' ? [given] : given);
  }
  return { positionals: target.args, switches, values };
}

/** Turns commander's complaint into one of ours; its second line, when there is one, names the nearest known word. */
function usageError(error: CommanderError): ConfigurationError {
  const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', message, { cause: error });
}

/** Finds or makes the command object that a name of one or two words stands for. */
function place(program: Command, name: string): { readonly parent: Command; readonly target: Command } {
  const [group, last] = name.includes(' ') ? name.split(' ') : [null, name];
  if (group === null || group === undefined) return { parent: program, target: program.command(last ?? name) };
  const known = program.commands.find((c) => c.name() === group);
  const parent =
    known ??
    program.command(group).helpCommand(false).summary(`a group of commands: \`anchorhold ${group} --help\` lists them`);
  return { parent, target: parent.command(last ?? name) };
}

/** Builds the program: every name and summary, and for each a hook that loads the command just before its arguments are parsed. */
function buildProgram(commands: readonly CommandEntry[], io: CliIo, done: (exit: number) => void): Command {
  const program = new Command('anchorhold')
    .description(SUMMARY)
    .version(version())
    .enablePositionalOptions()
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      // Errors are printed once, in our own form, where they are caught.
      outputError: () => undefined,
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  for (const entry of commands) {
    const { parent, target } = place(program, entry.name);
    target.summary(entry.summary).description(entry.summary);
    parent.hook('preSubcommand', async (_parent, called) => {
      if (called !== target) return;
      const command = await entry.load();
      declare(target, command);
      target.action(async () => done(await command.run(toInput(target, command), io)));
    });
  }
  return program;
}

/** Runs one command line and returns the exit code; writes nothing but to `io`, and never throws. */
export async function main(
  args: readonly string[],
  io: CliIo,
  commands: readonly CommandEntry[] = COMMANDS,
): Promise<number> {
  // `help X` is `X --help`: the same page, and only one way to make it.
  const line = args[0] === 'help' ? [...args.slice(1), '--help'] : [...args];
  const boundary = args.indexOf('--');
  const json = (boundary === -1 ? args : args.slice(0, boundary)).includes('--json');
  let exit = 0;
  try {
    const program = buildProgram(commands, io, (code) => {
      exit = code;
    });
    await program.parseAsync(line, { from: 'user' });
    return exit;
  } catch (error) {
    // Help and version end with an exception too; help after a missing command is a usage error that has been printed already.
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    if (error instanceof CommanderError && error.code === 'commander.help') return USAGE_EXIT;
    const ours = error instanceof CommanderError ? usageError(error) : error;
    writeError(io, ours, json);
    return exitOf(ours);
  }
}

/** Opens the streams of this process; stdin only when a command reads it, since an open stdin keeps a process alive. */
function processIo(): CliIo {
  return {
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    isTty: process.stderr.isTTY,
    cwd: process.cwd(),
    untilStopped: () =>
      new Promise((resolve) => {
        process.once('SIGINT', () => resolve());
        process.once('SIGTERM', () => resolve());
      }),
  };
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) {
  // A reader that has seen enough (`| head`) closes the pipe: that is no error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.stderr.write(`anchorhold: ${printable(error.message)}\n`);
  });
  process.exitCode = await main(process.argv.slice(2), processIo());
}
