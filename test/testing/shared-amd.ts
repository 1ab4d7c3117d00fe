/**
 * Two simulated AMDs for all tests, with keys kept under node_modules/.cache because making them takes seconds; and the fixed clock at
 * which they issue certificates. `strangerAmd` is one whose roots nobody trusts.
 */
import { join, resolve } from 'node:path';
import { openSimulatedAmd, type SimulatedAmd } from '../../src/testing/index.ts';

/** The time of every test that looks at certificates. */
export const NOW: Date = new Date('2026-11-21T12:00:00Z');

const CACHE = resolve(import.meta.dirname, '../../node_modules/.cache/anchorhold');

/** Where `sharedAmd` keeps its keys. */
export const SHARED_AMD_DIRECTORY: string = join(CACHE, 'simulated-amd');

/** Where `strangerAmd` keeps its keys. */
export const STRANGER_AMD_DIRECTORY: string = join(CACHE, 'stranger-amd');

const open = (dir: string): Promise<SimulatedAmd> => openSimulatedAmd(dir, { now: () => NOW });

/** Opens the simulated AMD that tests trust. */
export const sharedAmd = (): Promise<SimulatedAmd> => open(SHARED_AMD_DIRECTORY);

/** Opens a simulated AMD with other roots. */
export const strangerAmd = (): Promise<SimulatedAmd> => open(STRANGER_AMD_DIRECTORY);
