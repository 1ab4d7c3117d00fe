/**
 * The files that an image is written as: those that QEMU starts directly, those that a cloud starts from a disk, and the tree for container
 * engines. Beside them lies their manifest.
 */
import { encodeUtf8 } from '../base/bytes.ts';
import { makeBootOutputs, type PcrTable, STUB_FILE } from './boot-outputs.ts';
import type { Image } from './build.ts';
import { type ContainerCommand, encodeOciImage } from './oci.ts';
import { encodeTar } from './tar.ts';

/** A file of the output folder. */
export interface OutputFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface Outputs {
  /** In the order in which the manifest lists them. */
  readonly files: readonly OutputFile[];
  /** What a TPM holds after a start from a disk. */
  readonly pcrs: PcrTable;
}

/** The worker in a container: as the init of a sealed machine starts it (`images/init/gate.c`), but with the configuration that is mounted. */
const CONTAINER: ContainerCommand = {
  entrypoint: [
    '/bin/node',
    '--disable-sigusr1',
    '--min-semi-space-size=16',
    '--single-threaded-gc',
    '/lib/anchorhold/container.js',
  ],
  command: ['/config/worker.json'],
  user: 990,
  port: 8443,
};

/** Makes the files of an image. */
export function makeOutputs(image: Image): Outputs {
  const { stub, vmlinuz: kernel, initrd, commandLine, version, tree } = image;
  const boot = makeBootOutputs({ stub, kernel, initrd, commandLine, version }, null);
  return {
    files: [
      { path: 'vmlinuz', bytes: kernel },
      { path: 'initrd.img', bytes: initrd },
      // Without a line end, since what is measured has none.
      { path: 'cmdline', bytes: encodeUtf8(commandLine) },
      { path: 'OVMF.amdsev.fd', bytes: image.firmware },
      { path: STUB_FILE, bytes: stub },
      ...[...boot.files].map(([path, bytes]) => ({ path, bytes })),
      { path: 'rootfs.tar', bytes: encodeTar(tree) },
      { path: 'anchorhold.oci.tar', bytes: encodeOciImage(tree, `anchorhold:${version}`, CONTAINER) },
    ],
    pcrs: boot.pcrs,
  };
}
