/** Asks Node, inside a child, whether the permission model is on and denies what it must; part of the child, so it imports nothing. */

const DENIED = ['net', 'fs.write', 'child', 'worker', 'addons', 'inspector', 'wasi'] as const;

/** Gives the first thing that is not denied, or null when the process is locked down; an older Node knows no `net`, and fails here. */
export function findOpenDoor(): string | null {
  const { permission } = process as { readonly permission?: { has(scope: string): boolean } };
  if (permission === undefined) return 'no permission model';
  const open = DENIED.find((scope) => permission.has(scope));
  if (open !== undefined) return open;
  if (permission.has('fs.read')) return 'fs.read';
  // A permission model that does not know the network would answer false for it, too; the version tells.
  const major = Number(process.versions.node.split('.')[0]);
  if (!(major >= 25)) return 'net';
  return Object.keys(process.env).length === 0 ? null : 'environment';
}
