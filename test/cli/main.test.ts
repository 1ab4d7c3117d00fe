import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CliCommand, CliInput } from '../../src/cli/command.ts';
import { JSON_SWITCH, optionValue, optionValues } from '../../src/cli/command.ts';
import { COMMANDS, type CommandEntry } from '../../src/cli/commands.ts';
import { main } from '../../src/cli/main.ts';
import { PolicyError } from '../../src/errors.ts';
import { memoryIo } from './memory-io.ts';

const seen: CliInput[] = [];
const loaded: string[] = [];

const ask: CliCommand = {
  summary: 'ask one thing',
  example: 'anchorhold ask https://localhost:8443 /hello',
  arguments: [
    { name: 'url', summary: 'where', required: true, repeatable: false },
    { name: 'path', summary: 'what', required: false, repeatable: true },
  ],
  options: [
    { name: 'trust', value: 'file', summary: 'the trust file', repeatable: false },
    { name: 'max-bytes', value: 'n', summary: 'a cap', repeatable: false },
    { name: 'function', value: 'name=file', summary: 'a function', repeatable: true },
    JSON_SWITCH,
  ],
  passThrough: false,
  run: async (input, io) => {
    seen.push(input);
    io.stdout.write('asked\n');
    return 0;
  },
};

const guest: CliCommand = {
  ...ask,
  options: [JSON_SWITCH],
  passThrough: true,
  run: async (input) => (seen.push(input), 7),
};
const refuse: CliCommand = {
  ...ask,
  arguments: [],
  run: async () => {
    throw new PolicyError('ERR_POLICY_DENIED_QUERY', 'Hospital-a does not allow that');
  },
};
const broken: CliCommand = { ...refuse, run: async () => Promise.reject(new Error('Boom')) };

const listed = (name: string, command: CliCommand): CommandEntry => ({
  name,
  summary: command.summary,
  load: async () => (loaded.push(name), command),
});
const commands = [
  listed('ask', ask),
  listed('run', guest),
  listed('policy check', refuse),
  listed('policy explain', ask),
  listed('broken', broken),
];

async function call(...args: string[]) {
  seen.length = 0;
  loaded.length = 0;
  const io = memoryIo();
  const exit = await main(args, io, commands);
  return { exit, out: io.out(), err: io.err(), input: seen[0], loaded: [...loaded] };
}

describe('the command line', () => {
  it('gives a command its arguments and options', async () => {
    const words = 'ask https://a /x /y --trust t.json --function a=1 --function b=2 --max-bytes 5';
    const { exit, out, err, input } = await call(...words.split(' '));
    expect({ exit, out, err }).toEqual({ exit: 0, out: 'asked\n', err: '' });
    expect(input?.positionals).toEqual(['https://a', '/x', '/y']);
    expect(input && optionValue(input, 'trust')).toBe('t.json');
    expect(input && optionValue(input, 'max-bytes')).toBe('5');
    expect(input && optionValues(input, 'function')).toEqual(['a=1', 'b=2']);
    expect(input?.switches.has('json')).toBe(false);
  });

  it('tells an option that was not given from one that was', async () => {
    const { input } = await call('ask', 'u', '--json');
    expect(input && optionValue(input, 'trust')).toBeNull();
    expect(input && optionValues(input, 'function')).toEqual([]);
    expect(input?.switches.has('json')).toBe(true);
  });

  it('loads only the command that is called', async () => {
    expect((await call('ask', 'u')).loaded).toEqual(['ask']);
    expect((await call('policy', 'explain', 'u')).loaded).toEqual(['policy explain']);
    expect((await call('--help')).loaded).toEqual([]);
  });

  it('leaves what follows a guest to the guest, and returns its exit code', async () => {
    const { exit, input } = await call('run', 'f.wasm', '--json', '-v', '--', '--help');
    expect(exit).toBe(7);
    expect(input?.positionals).toEqual(['f.wasm', '--json', '-v', '--', '--help']);
    expect(input?.switches.has('json')).toBe(false);
  });

  it('prints a refusal as one lower-case line and a hint, with the exit code of the table', async () => {
    const { exit, out, err } = await call('policy', 'check');
    expect(exit).toBe(21);
    expect(out).toBe('');
    expect(err).toMatch(/^anchorhold: hospital-a does not allow that\nhint: [a-z].*\n$/);
  });

  it('prints a refusal as one JSON object when asked to', async () => {
    const { exit, err } = await call('policy', 'check', '--json');
    expect(exit).toBe(21);
    expect(JSON.parse(err)).toMatchObject({ error: 'PolicyError', code: 'ERR_POLICY_DENIED_QUERY' });
  });

  it('calls a fault of its own by that name and asks for a report', async () => {
    const { exit, err } = await call('broken');
    expect(exit).toBe(70);
    expect(err).toMatch(/^anchorhold: unexpected error: Error: Boom\n/);
    expect(err).toMatch(/\nhint: .*report.*\n$/);
  });

  it.each([
    ['an unknown command', ['asq'], /unknown command 'asq' \(did you mean ask\?\)/i],
    ['an unknown command in a group', ['policy', 'chek'], /unknown command 'chek' \(did you mean check\?\)/i],
    ['an unknown option', ['ask', 'u', '--trut', 'x'], /unknown option '--trut' \(did you mean --trust\?\)/i],
    ['a missing argument', ['ask'], /missing required argument 'url'/],
    ['an argument too many', ['policy', 'check', 'x'], /too many arguments/],
    ['an option without its value', ['ask', 'u', '--trust'], /argument missing/],
  ])('refuses %s as a usage error', async (_name, args, message) => {
    const { exit, out, err, input } = await call(...args);
    expect(exit).toBe(2);
    expect(out).toBe('');
    expect(err.split('\n')).toHaveLength(3);
    expect(err).toMatch(message);
    expect(err).toMatch(/\nhint: .*--help/);
    expect(input).toBeUndefined();
    const asJson = await call(...args, ...(args.at(-1) === '--trust' ? [] : ['--json']));
    if (args.at(-1) !== '--trust') expect(JSON.parse(asJson.err).code).toBe('ERR_CONFIGURATION_USAGE');
  });

  it.each([[['ask', '--help']], [['help', 'ask']]])(
    'shows the help of a command with its example: %j',
    async (args) => {
      const { exit, out } = await call(...args);
      expect(exit).toBe(0);
      expect(out).toContain('Usage: anchorhold ask');
      expect(out).toContain('--trust <file>');
      expect(out).toContain('anchorhold ask https://localhost:8443 /hello');
    },
  );

  it.each([[[]], [['policy']]])('shows help on stderr when the command is missing: %j', async (args) => {
    const { exit, out, err } = await call(...args);
    expect(exit).toBe(2);
    expect(out).toBe('');
    expect(err).toContain('Usage: anchorhold');
  });
});

describe('every real command', () => {
  it('has a summary, an example that is its own, unique names and a help page', async () => {
    for (const entry of COMMANDS) {
      const { name } = entry;
      const command = await entry.load();
      expect(command.summary).toBe(entry.summary);
      expect(command.example).toMatch(new RegExp(`(^|[|;] ?)anchorhold ${name}( |$)`));
      const names = command.options.map((o) => o.name);
      expect(new Set(names).size).toBe(names.length);
      expect(command.arguments.slice(0, -1).some((a) => a.repeatable)).toBe(false);
      const io = memoryIo();
      expect(await main([...name.split(' '), '--help'], io)).toBe(0);
      expect(io.out()).toContain(command.example);
      expect(io.out()).not.toContain('[]');
    }
  });
});

describe('bin/anchorhold', () => {
  const bin = resolve(import.meta.dirname, '../../bin/anchorhold');
  const spawn = (...args: string[]) => spawnSync(bin, args, { encoding: 'utf8', timeout: 30_000 });

  it('prints its version and its help', () => {
    const version = spawn('--version');
    expect(version.status).toBe(0);
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const help = spawn('--help');
    expect(help.status).toBe(0);
    expect(help.stdout).toContain('Usage: anchorhold');
    expect(help.stderr).toBe('');
  });

  it('exits with 2 and says so in two lines on stderr for what it does not know', () => {
    const { status, stdout, stderr } = spawn('frobnicate');
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^anchorhold: unknown command 'frobnicate'.*\nhint: .*\n$/);
  });

  it('writes the same as one JSON object with --json', () => {
    const { status, stderr } = spawn('frobnicate', '--json');
    expect(status).toBe(2);
    expect(JSON.parse(stderr)).toMatchObject({ error: 'ConfigurationError', code: 'ERR_CONFIGURATION_USAGE' });
  });
});
