/** What Node is started with, in the three places that start a worker, and for the benchmarks that speak of one. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const read = (path: string): string => readFileSync(resolve(import.meta.dirname, '../..', path), 'utf8');
const flagsOf = (text: string | undefined): readonly string[] => text?.match(/--[a-z0-9-]+(?:=\d+)?/g) ?? [];

const checkout = flagsOf(/^exec "\$node".*$/m.exec(read('bin/anchorhold'))?.[0]);

describe('a worker is started with the same flags', () => {
  it('in a checkout, a container and a machine, which reads no authorities besides', () => {
    expect(checkout).toEqual(['--disable-sigusr1', '--min-semi-space-size=16', '--single-threaded-gc']);
    expect(flagsOf(/entrypoint: \[[^\]]*\]/.exec(read('src/image/outputs.ts'))?.[0])).toEqual(checkout);
    const machine = flagsOf(/ARGUMENTS\[\] = \{[^}]*\}/.exec(read('images/init/gate.c'))?.[0]);
    expect(machine.filter((flag) => flag !== '--use-openssl-ca')).toEqual(checkout);
  });

  it('as far as speed depends on them, in the benchmarks', () => {
    const bench = flagsOf(/node .*bench\/main\.ts/.exec(read('Makefile'))?.[0]);
    expect(bench).toEqual(checkout.filter((flag) => flag !== '--disable-sigusr1'));
  });
});
