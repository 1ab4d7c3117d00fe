/**
 * Authenticode hashes and predicted registers. The vectors are of small programs of our own; osslsigncode 2.9 gave the hashes, and
 * systemd-measure 257 PCR 11.
 */
import { describe, expect, it } from 'vitest';
import { concatBytes, encodeHex, encodeUtf8 } from '../../src/base/bytes.ts';
import { authenticodeHash, type Bank } from '../../src/image/authenticode.ts';
import { predictPcrs } from '../../src/image/pcr.ts';
import { addSections } from '../../src/image/pe-sections.ts';
import { buildUki } from '../../src/image/uki.ts';
import { code } from './codes.ts';
import { efiProgram, FIELDS, withNumber } from './efi-program.ts';
import { UKI_PARTS } from './uki-parts.ts';

const { kernel } = UKI_PARTS;
const uki = buildUki(UKI_PARTS);

const VECTORS = [
  {
    bank: 'sha256',
    uki: '2efa46522f9c27b02d8422e3470044b83af8e4d7c9f571736cfb3d5556858205',
    kernel: '611d4be06e192c7014a18266a9723b7364877884b6578570b56df234df07f3ff',
    pcr4: '42d4fabf9185a8b86c138c49f21305833df9b1fb2fc0cb3f22864f0a0a4d853a',
    pcr11: '817cf74ba0c87ed5b6d12b5dccb6acb40fff3feb876674a4b8cd7f1e3c47e147',
  },
  {
    bank: 'sha384',
    uki: '632405b24c50908ea5a843590b493c54075e6c4aa312c207178125a07e6293bfa91512df4f160f2ea26cfe4c65ceb821',
    kernel: '6c94149129ae2501a3843128020b513f40270391cb40beaaf668e6205d51ccea19c023e6c52ffc84591ac0c6da882b70',
    pcr4: 'a8ae8c209e7b2ead2ee5a463422459c26f806d10e2bd859012868a5adc09efc93e6e0de054a21596b550c5032f3428b0',
    pcr11: 'bd2fdd40fe52c9b412882e20d8c00180e190fdf15eb9c05c3271048170da89eb9beb9a3ff2b2bd48b9351f1bd63197f7',
  },
] as const;

const hash = (program: Uint8Array, bank: Bank = 'sha256'): string => encodeHex(authenticodeHash(program, bank));

function registers(image: Uint8Array, bank: Bank = 'sha256'): { readonly pcr4: string; readonly pcr11: string } {
  const { pcr4, pcr11 } = predictPcrs(image, bank);
  return { pcr4: encodeHex(pcr4), pcr11: encodeHex(pcr11) };
}

describe('the Authenticode hash', () => {
  it.each(VECTORS)('is what osslsigncode computes, with $bank', (vector) => {
    expect([hash(uki, vector.bank), hash(kernel, vector.bank)]).toEqual([vector.uki, vector.kernel]);
  });

  it('does not change with a signature, or with the checksum', () => {
    const rest = encodeUtf8('rest of the file');
    const signed = efiProgram({ rest, signature: encodeUtf8('signatur') });
    expect(hash(signed)).toBe(hash(efiProgram({ rest, signature: encodeUtf8('SIGNATUR') })));
    expect(hash(signed)).toBe(hash(efiProgram({ rest })));
    expect(hash(withNumber(signed, FIELDS.checksum, 0, 32))).toBe(hash(signed));
  });

  it('changes with every other byte, also of what follows the sections', () => {
    const program = efiProgram({ rest: encodeUtf8('rest of the file') });
    const free = new Set([...Array(4).keys()].map((i) => FIELDS.checksum + i));
    const own = hash(program);
    // Where certificates lie is what keeps them out of the hash, and the fields that say how to read the file are tested with the UKI.
    const data = [...program.keys()].filter((at) => at >= FIELDS.firstSection + 24 && !free.has(at));
    const unnoticed = data.filter((at) => {
      const changed = Uint8Array.from(program);
      changed[at] = (changed[at] ?? 0) ^ 1;
      return hash(changed) === own;
    });
    expect(unnoticed).toEqual([]);
    expect(data.length).toBeGreaterThan(1000);
  });

  it('is not computed for a file whose parts cannot be told apart', () => {
    expect(code(() => authenticodeHash(kernel.subarray(0, 600), 'sha256'))).toBe('ERR_CONFIGURATION_IMAGE');
  });
});

describe('the predicted registers', () => {
  it.each(VECTORS)('are what firmware and stub extend, in the bank $bank', ({ bank, pcr4, pcr11 }) => {
    expect(registers(uki, bank)).toEqual({ pcr4, pcr11 });
  });

  const own = registers(uki);
  it.each([
    ['the command line', { commandLine: 'quiet panic=2' }],
    ['the initrd', { initrd: encodeUtf8('AN initrd') }],
    ['the kernel', { kernel: efiProgram({ sections: { '.text': encodeUtf8('another kernel') } }) }],
    ['the release', { release: '6.12.1-test' }],
    ['the name of the system', { osRelease: 'ID=another\n' }],
  ])('both change with %s', (_name, change) => {
    const { pcr4, pcr11 } = registers(buildUki({ ...UKI_PARTS, ...change }));
    expect(pcr4).not.toBe(own.pcr4);
    expect(pcr11).not.toBe(own.pcr11);
  });

  it('PCR 4 alone changes with the code of the stub, which measures itself nowhere', () => {
    const stub = efiProgram({ sections: { '.text': encodeUtf8('STUB'), '.sbat': encodeUtf8('sbat,1\n') } });
    const { pcr4, pcr11 } = registers(buildUki({ ...UKI_PARTS, stub }));
    expect(pcr4).not.toBe(own.pcr4);
    expect(pcr11).toBe(own.pcr11);
  });

  it('are not predicted for what is no UKI', () => {
    expect(code(() => predictPcrs(kernel, 'sha256'))).toBe('ERR_CONFIGURATION_IMAGE');
    expect(code(() => predictPcrs(concatBytes(encodeUtf8('x'), uki), 'sha256'))).toBe('ERR_CONFIGURATION_IMAGE');
  });

  it.each(['.ucode', '.splash', '.dtb', '.dtbauto', '.hwids', '.efifw', '.pcrpkey', '.profile'])(
    'are not predicted for a UKI with a section %s, which would be measured or acted upon',
    (name) => {
      const more = addSections(uki, [{ name, bytes: encodeUtf8('more'), kind: 'data' }]);
      expect(code(() => predictPcrs(more, 'sha256'))).toBe('ERR_CONFIGURATION_IMAGE');
    },
  );
});
