import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { openSealer, SEAL_BYTES } from '../../../src/enclave/store/sealing.ts';

const KEY = new Uint8Array(32).fill(7);
const LABEL = encodeUtf8('label');
const PLAIN = encodeUtf8('what nobody else may read');

describe('a sealer', () => {
  it('opens what it sealed, and what another run sealed for the same purpose', () => {
    const sealed = openSealer(KEY, 'rows').seal(LABEL, PLAIN);
    expect(sealed.length).toBe(PLAIN.length + SEAL_BYTES);
    expect(Buffer.from(sealed).includes('nobody')).toBe(false);
    expect(openSealer(KEY, 'rows').open(LABEL, sealed)).toEqual(PLAIN);
  });

  it('opens nothing under another key, purpose or label', () => {
    const sealed = openSealer(KEY, 'rows').seal(LABEL, PLAIN);
    const other = Uint8Array.from(KEY);
    other[31] = 8;
    expect(openSealer(other, 'rows').open(LABEL, sealed)).toBeNull();
    expect(openSealer(KEY, 'data').open(LABEL, sealed)).toBeNull();
    expect(openSealer(KEY, 'rows').open(encodeUtf8('labels'), sealed)).toBeNull();
  });

  it('opens nothing in which any bit is another, nor a part of it', () => {
    const sealer = openSealer(KEY, 'rows');
    const sealed = sealer.seal(LABEL, PLAIN);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Uint8Array.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(sealer.open(LABEL, changed)).toBeNull();
    }
    for (let length = 0; length < sealed.length; length++)
      expect(sealer.open(LABEL, sealed.subarray(0, length))).toBeNull();
  });

  it('never uses a key with the same nonce again', () => {
    const heads = new Set<string>();
    for (let run = 0; run < 20; run++) {
      const sealer = openSealer(KEY, 'rows');
      for (let i = 0; i < 50; i++) heads.add(Buffer.from(sealer.seal(LABEL, PLAIN).subarray(0, 29)).toString('hex'));
    }
    expect(heads.size).toBe(1000);
  });
});
