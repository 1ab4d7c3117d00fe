/** A folder for one test, gone when the test is over; and copies of it, as they would be found after the machine lost its power. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Makes an empty folder. */
export function makeTestFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'anchorhold-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Copies a folder whose files are in use: what a process finds that starts after this one was killed. */
export function copyFolder(folder: string): string {
  const copy = makeTestFolder();
  cpSync(folder, copy, { recursive: true });
  return copy;
}
