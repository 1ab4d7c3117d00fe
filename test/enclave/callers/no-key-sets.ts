/** Published key sets where no rule has any: nobody may ask for one. */
import type { KeySets } from '../../../src/enclave/callers/key-sets.ts';

const refuse = (): Promise<never> => Promise.reject(new Error('no rule of this test has a published key set'));

export const NO_KEY_SETS: KeySets = { of: () => ({ current: refuse, again: refuse }) };
