/** A file that only grows, readable by its owner alone; judges nothing of what is written. */
import { closeSync, fchmodSync, openSync, writeSync } from 'node:fs';
import { encodeBase64 } from '../base/bytes.ts';
import { ConfigurationError } from '../errors.ts';

export interface AppendFile {
  /**
   * Adds one line: standard base64 of the bytes. Written before it returns, but not forced to the disk.
   * @throws ConfigurationError ERR_CONFIGURATION_FILE
   */
  append(bytes: Uint8Array): void;
  close(): void;
}

/**
 * Opens a file for appending, made with mode 0600 and brought to it when it exists.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export function openAppendFile(path: string): AppendFile {
  function attempt<T>(step: () => T): T {
    try {
      return step();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ConfigurationError('ERR_CONFIGURATION_FILE', `${path} cannot be written: ${why}`, { cause });
    }
  }
  const file = attempt(() => {
    const opened = openSync(path, 'a', 0o600);
    fchmodSync(opened, 0o600);
    return opened;
  });
  return {
    append(bytes) {
      const line = Buffer.from(`${encodeBase64(bytes)}\n`);
      attempt(() => {
        for (let written = 0; written < line.length; ) written += writeSync(file, line, written);
      });
    },
    close: () => closeSync(file),
  };
}
