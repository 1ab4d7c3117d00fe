/** Containers of the image as a careful operator starts them; what they run is the test's choice. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { GenericContainer } from 'testcontainers';

/** This repository, which every container sees. */
export const ROOT: string = resolve(import.meta.dirname, '../..');
export const NODE = '/bin/node';

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

/** Gives the path that a program of `inside` has in a container. */
export function script(name: string): string {
  return `/repo/test/containers/inside/${name}.ts`;
}

/** A container of the image without capabilities, on a root that nobody can write. */
export class ImageContainer extends GenericContainer {
  constructor(program: readonly string[]) {
    super(`anchorhold:${version}`);
    this.hostConfig.ReadonlyRootfs = true;
    this.withEntrypoint([...program])
      .withCommand([])
      .withDroppedCapabilities('ALL')
      .withSecurityOpt('no-new-privileges')
      .withUlimits({ core: { soft: 0, hard: 0 } })
      .withBindMounts([{ source: ROOT, target: '/repo', mode: 'ro' }]);
  }
}

/** One that only waits, for others to join its network or to run programs in it. */
export const WAITS: readonly string[] = [
  NODE,
  '-e',
  "process.stdout.write('waits\\n'); process.once('SIGTERM', () => process.exit()); setInterval(() => {}, 1e9)",
];
