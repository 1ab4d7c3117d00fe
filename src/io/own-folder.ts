/** A folder that only this user may write to: what is remembered there is trusted again later. Judges nothing of what is in it. */
import { chmod, mkdir, stat } from 'node:fs/promises';
import { ConfigurationError } from '../errors.ts';

const OTHERS_MAY_WRITE = 0o022;

/**
 * Makes a folder with mode 0700 when it is missing, and holds one that is there to be this user's alone; `what` names it in messages.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE when it cannot be made, is not this user's, or others may write to it
 */
export async function openOwnFolder(folder: string, what: string): Promise<void> {
  const fail = (why: string, cause?: unknown): ConfigurationError =>
    new ConfigurationError('ERR_CONFIGURATION_FILE', `${what} ${folder} ${why}`, { cause });
  const unusable = (cause: NodeJS.ErrnoException): ConfigurationError =>
    fail(`cannot be used (${cause.code ?? cause.message})`, cause);
  try {
    const made = await mkdir(folder, { recursive: true, mode: 0o700 });
    // The umask may have taken bits away, never added any; those above the folder are the user's own affair.
    if (made !== undefined) await chmod(folder, 0o700);
  } catch (cause) {
    throw unusable(cause as NodeJS.ErrnoException);
  }
  const { mode, uid } = await stat(folder).catch((cause: NodeJS.ErrnoException) => {
    throw unusable(cause);
  });
  if (uid !== process.getuid?.()) throw fail('belongs to another user: name a folder of your own');
  if ((mode & OTHERS_MAY_WRITE) !== 0) throw fail('may be written by others: chmod 700 it, or name another');
}
