/** Starting and ending a machine, with shell scripts in the place of QEMU. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { lineReader, startQemu } from '../../src/image/qemu.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-qemu-'));
afterAll(() => rmSync(folder, { recursive: true }));

function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('a machine', () => {
  it('hands on its lines, and says how it ended and what QEMU complained about', async () => {
    const lines: string[] = [];
    const program = script('ends', 'echo "one $1"; printf "two\\r\\n"; echo "wrong option" >&2; exit 3');
    await using qemu = await startQemu(['x'], (line) => lines.push(line), program);
    expect(await qemu.ended).toEqual({ code: 3, complaint: 'wrong option' });
    expect(lines).toEqual(['one x', 'two']);
  });

  it('is gone when it is disposed of', async () => {
    const qemu = await startQemu([], () => undefined, script('stays', 'exec sleep 600'));
    await qemu[Symbol.asyncDispose]();
    expect(await qemu.ended).toMatchObject({ code: null });
  });

  it('that cannot be started is an error', async () => {
    const started = startQemu([], () => undefined, join(folder, 'none'));
    await expect(started).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_MACHINE' });
  });
});

describe('what a machine writes', () => {
  it('is split at line ends, wherever its pieces end', () => {
    const lines: string[] = [];
    const read = lineReader((line) => lines.push(line));
    for (const piece of ['a', 'b\n\nc\r', '\nd']) read(piece);
    expect(lines).toEqual(['ab', '', 'c']);
  });

  it('without an end is cut, and nothing longer is handed on', () => {
    const lines: string[] = [];
    const read = lineReader((line) => lines.push(line));
    for (let i = 0; i < 5; i++) read('x'.repeat(1000));
    read(`${'y'.repeat(5000)}\n`);
    expect(lines.map((line) => line.length)).toEqual([1024, 1024, 1024, 1024, 1024]);
    expect(lines.at(-1)?.[0]).toBe('x');
  });
});
