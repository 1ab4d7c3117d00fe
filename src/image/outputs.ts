/** The files that an image is written as: those that QEMU starts directly, and the tree for container engines. Beside them lies their manifest. */
import { encodeUtf8 } from '../base/bytes.ts';
import type { Image } from './build.ts';
import { encodeTar } from './tar.ts';

/** A file of the output folder. */
export interface OutputFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Makes the files of an image, in the order in which the manifest lists them. */
export function makeOutputs(image: Image): readonly OutputFile[] {
  return [
    { path: 'vmlinuz', bytes: image.vmlinuz },
    { path: 'initrd.img', bytes: image.initrd },
    // Without a line end, since what is measured has none.
    { path: 'cmdline', bytes: encodeUtf8(image.commandLine) },
    { path: 'OVMF.amdsev.fd', bytes: image.firmware },
    { path: 'rootfs.tar', bytes: encodeTar(image.tree) },
  ];
}
