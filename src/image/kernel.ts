/** The kernel of an image: the file that boots, its release, and its modules, unpacked as the kernel loads them. */
import { decompress } from './decompress.ts';
import type { ImageLock, LockedPackage } from './lock.ts';
import { refuseInput, type Tree } from './tree.ts';

/** Names of packages of the kernel: what they are for, the release, and for which machines. */
export const KERNEL_NAME: RegExp = /^(linux-(?:image|headers|kbuild)-)(\d[a-z0-9+.]*)(-cloud-amd64|-common|)$/;

/**
 * Finds the package of the kernel.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE when the lock has none, or several
 */
export function kernelPackage({ packages }: ImageLock): LockedPackage {
  const [kernel, ...others] = packages.filter(({ group }) => group === 'kernel');
  if (kernel === undefined || others.length > 0) throw refuseInput('the lock must name one package of group kernel');
  return kernel;
}

/** Gives the kernel itself. */
export function vmlinuzOf(tree: Tree): Uint8Array {
  const [file, ...others] = tree.filter(({ path }) => path.startsWith('boot/vmlinuz-'));
  if (file?.kind !== 'file' || others.length > 0) throw refuseInput('the kernel package must give one vmlinuz');
  return file.bytes;
}

/** Gives the modules by name, in the order in which the package has them. Debian signed what is in them, so they are not changed. */
export async function modulesOf(tree: Tree): Promise<ReadonlyMap<string, Uint8Array>> {
  const modules = new Map<string, Uint8Array>();
  for (const entry of tree) {
    const name = /\/([a-z0-9_-]+)\.ko\.xz$/.exec(entry.path)?.[1];
    if (entry.kind === 'file' && name !== undefined) modules.set(name, await decompress(entry.bytes, 'xz', entry.path));
  }
  return modules;
}
