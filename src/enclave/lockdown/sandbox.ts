/**
 * Whether a child process that is confined as those of functions are finds every door shut: asked of a real one, which tries. Functions' own
 * processes check themselves besides, each before it loads anything.
 */
import { once } from 'node:events';
import { spawnConfined, writeConfinedArguments } from '../sandbox/confinement.ts';
import { CODE_FOLDERS, PROBE_SCRIPT } from '../sandbox/own-code.ts';

const LIMITS = { heapMiB: 64, memoryPages: 64, processMiB: 256 };
const DATA_MIB = 1024;
const PROBE_MS = 10_000;
/** What the probe says when nothing is open; anything else names a door. */
const SHUT = 'shut';
const MAX_ANSWER = 200;

/** Runs the probe, and gives the first thing that is open, or null. A probe that says nothing in time counts as open. */
export async function probeSandbox(): Promise<string | null> {
  const args = writeConfinedArguments(PROBE_SCRIPT, CODE_FOLDERS, LIMITS, []);
  const child = spawnConfined(args, { dataMiB: DATA_MIB, group: null });
  const late = setTimeout(() => child.kill(), PROBE_MS);
  let said = '';
  child.pipe?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(0, MAX_ANSWER);
  });
  child.pipe?.on('error', () => undefined);
  for (const stream of child.output) stream.resume();
  if (child.pipe !== undefined) await once(child.pipe, 'close');
  await child.ended;
  clearTimeout(late);
  const answer = said.trim();
  if (answer === SHUT) return null;
  return answer === '' ? 'no answer' : answer;
}

/** Gives the claim: what a real child found. */
export function claimSandbox(open: string | null): string {
  return open === null ? 'node-permission' : `open: ${open}`;
}
