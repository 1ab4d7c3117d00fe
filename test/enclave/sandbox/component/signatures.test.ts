/** The types that the host has for WASI are the published ones: the tools build a component against the published WIT, and ours must fit it. */
import { describe, expect, it } from 'vitest';
import { makePlan } from '../../../../src/enclave/sandbox/component/make-plan.ts';
import { WASI_HOST } from '../../../../src/enclave/sandbox/wasi/host.ts';
import { buildComponent } from '../../../../tools/build-functions.ts';
import { ALL_FUNCTIONS, IMPORTS_ALL } from './core-imports.ts';

describe('the types of the host', () => {
  it('are those of WASI 0.2.12, function by function', async () => {
    const { canonicals } = makePlan(await buildComponent(IMPORTS_ALL, 'command'));
    const lowered = canonicals.flatMap((c) => (c.op === 'lower' ? [c.func] : []));
    const foreign = lowered.filter((func) => WASI_HOST.find(func) === null).map((f) => `${f.interface}#${f.name}`);
    expect(foreign).toEqual([]);
    expect(lowered).toHaveLength(ALL_FUNCTIONS.length);
    expect(ALL_FUNCTIONS.length).toBeGreaterThan(170);
  });
});
