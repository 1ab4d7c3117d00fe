/**
 * Where the code lies of the processes that this one starts: beside this file, as sources or compiled, with the ground floor; in the image beside
 * the worker, each in a file of its own that needs no other.
 */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
const HERE = realpathSync(dirname(fileURLToPath(import.meta.url)));
const BASE = join(HERE, '../../base');

/** What the process of a function runs. */
export const CHILD_SCRIPT: string = join(HERE, `child${EXTENSION}`);

/** What tries whether a confined process finds every door shut. */
export const PROBE_SCRIPT: string = join(HERE, `probe${EXTENSION}`);

/** The folders that a child reads its code from: this room and the ground floor, of which it needs only what stands on nothing else. */
export const CODE_FOLDERS: readonly string[] = existsSync(BASE) ? [HERE, realpathSync(BASE)] : [HERE];
