/** The parts of a small UKI that no machine could start. */
import { encodeUtf8 } from '../../src/base/bytes.ts';
import type { UkiParts } from '../../src/image/uki.ts';
import { efiProgram } from './efi-program.ts';

export const UKI_PARTS: UkiParts = {
  stub: efiProgram({ sections: { '.text': encodeUtf8('stub'), '.sbat': encodeUtf8('sbat,1\n') } }),
  kernel: efiProgram({ sections: { '.setup': encodeUtf8('setup'), '.text': encodeUtf8('a kernel') } }),
  release: '6.12.0-test',
  initrd: encodeUtf8('an initrd'),
  commandLine: 'quiet panic=1',
  osRelease: 'ID=anchorhold\n',
};
