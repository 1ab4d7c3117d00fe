/** The options of `anchorhold run`, as text on the command line. */
import { resolve } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';

/** A directory of the host that a program is given. */
export interface GivenDirectory {
  /** Absolute path. */
  readonly host: string;
  /** The path by which the program knows it. */
  readonly guest: string;
  readonly writable: boolean;
}

const DEFAULT_DEADLINE_MS = 60_000;
const MAX_DEADLINE_MS = 24 * 60 * 60 * 1000;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

function usage(option: string, text: string, wanted: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', `--${option} ${text}: write ${wanted}`);
}

/** Reads a duration, plain seconds or with a unit; gives milliseconds. @throws ConfigurationError ERR_CONFIGURATION_USAGE */
export function readDeadline(text: string | null): number {
  if (text === null) return DEFAULT_DEADLINE_MS;
  const [, number, unit = 's'] = /^(\d{1,8})(ms|s|m)?$/.exec(text) ?? [];
  const deadlineMs = Number(number) * (UNIT_MS[unit] ?? Number.NaN);
  if (deadlineMs >= 1 && deadlineMs <= MAX_DEADLINE_MS) return deadlineMs;
  throw usage('deadline', text, 'a duration such as 500ms, 5s or 2m, of at most a day');
}

/** Reads `NAME=VALUE`. @throws ConfigurationError ERR_CONFIGURATION_USAGE */
export function readVariable(text: string): readonly [name: string, value: string] {
  const at = text.indexOf('=');
  if (at < 1 || text.includes('\0')) throw usage('env', text, 'NAME=VALUE');
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Reads `HOST::GUEST`, with `:ro` at its end for a directory that must not change. @throws ConfigurationError ERR_CONFIGURATION_USAGE */
export function readDirectoryOption(text: string, cwd: string): GivenDirectory {
  const [, host, guest, readOnly] = /^(.+?)::(.+?)(:ro)?$/s.exec(text) ?? [];
  if (host === undefined || guest === undefined || text.includes('\0') || guest.length > LIMITS.filePathBytes)
    throw usage('dir', text, 'HOST::GUEST, or HOST::GUEST:ro for a directory that must not change');
  return { host: resolve(cwd, host), guest, writable: readOnly === undefined };
}
