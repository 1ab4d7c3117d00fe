/** Whether the worker's environment holds more than every process has: a variable can steer Node, OpenSSL or the loader. Names only, never values. */
import { encodeUtf8 } from '../../base/bytes.ts';
import { formatDigest, sha256 } from '../../base/digest.ts';
import type { Host } from './host.ts';

/** What a service manager or a login gives everybody, and nothing that the worker runs takes orders from. */
const ALLOWED: ReadonlySet<string> = new Set([
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'TERM',
  'PWD',
  'OLDPWD',
  'SHLVL',
  '_',
  'INVOCATION_ID',
  'JOURNAL_STREAM',
  'SYSTEMD_EXEC_PID',
  'MEMORY_PRESSURE_WATCH',
  'MEMORY_PRESSURE_WRITE',
]);

/** A claim is read by people; a list that is longer is named by digest. */
const MAX_CLAIM = 200;

/** Gives `clean`, the names that are too many joined by spaces, or the digest of that list where it is long. */
export function claimEnvironment({ process }: Pick<Host, 'process'>): string {
  const names = process.environment.filter((name) => !ALLOWED.has(name)).toSorted();
  if (names.length === 0) return 'clean';
  const list = names.join(' ');
  return list.length <= MAX_CLAIM && /^[\w ]+$/.test(list) ? list : formatDigest(sha256(encodeUtf8(list)));
}
