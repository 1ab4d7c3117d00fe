/** Guests that were built for the Blockless runtime by others, as they are; they are no part of this repository. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { EgressRequest } from '../../../../src/enclave/sandbox/sandbox.ts';
import { skipUnless } from '../../../skips.ts';
import { loadGuest, post, textOf } from '../guests.ts';

const FOLDER = process.env['ANCHORHOLD_BLOCKLESS'] ?? '';

describe('a prebuilt guest', () => {
  const test = skipUnless(
    existsSync(join(FOLDER, 'hello_test.wasm')),
    'ANCHORHOLD_BLOCKLESS names no folder with the prebuilt guests',
  );
  const load = (name: string) => loadGuest(Uint8Array.from(readFileSync(join(FOLDER, name))));

  test('hello_test.wasm says hello', async () => {
    const f = await load('hello_test.wasm');
    expect(textOf(await post(f, ''))).toBe('hello world!\n');
    await f.close();
  });

  test('legitimate_gold_mastodon.wasm writes what it fetched, and nothing of what it may not fetch', async () => {
    const f = await load('legitimate_gold_mastodon.wasm');
    expect(textOf(await post(f, ''))).toBe('{}\n');
    const seen: EgressRequest[] = [];
    const response = await post(f, '', {
      egress: async (request) => {
        seen.push(request);
        return { status: 200, headers: [], body: Buffer.from('{"a":"b"}') };
      },
    });
    expect(textOf(response)).toBe('{"a":"b"}\n');
    expect(seen.map((r) => `${r.method} ${r.scheme}://${r.authority}${r.path}`)).toEqual([
      'GET https://httpbin.org/json',
    ]);
    await f.close();
  });
});
