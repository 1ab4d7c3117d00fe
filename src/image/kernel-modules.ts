/**
 * Kernel modules: what each says it depends on, and from that the order in which they are loaded, so that the image needs no `modprobe` and
 * no index of modules. [Linux 6.12 include/linux/module.h]
 */
import { refuseInput } from './tree.ts';

/** Reads a field of `.modinfo`, where each is `NAME=VALUE` and a NUL. */
function modinfo(module: Uint8Array, field: string): string | null {
  const bytes = Buffer.from(module.buffer, module.byteOffset, module.length);
  const at = bytes.indexOf(`\0${field}=`, 0, 'latin1');
  if (at === -1) return null;
  const from = at + field.length + 2;
  return bytes.toString('latin1', from, bytes.indexOf(0, from));
}

/** A module writes its name with underscores, its file mostly with hyphens. */
function canonical(name: string): string {
  return name.replaceAll('-', '_');
}

/** Gives the names that a module depends on. */
export function dependenciesOf(module: Uint8Array, name: string): readonly string[] {
  const text = modinfo(module, 'depends');
  if (text === null) throw refuseInput(`the module ${name} does not say what it depends on`);
  return text === '' ? [] : text.split(',').map(canonical);
}

/**
 * Sorts modules so that each comes after those it depends on; otherwise they keep their order.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE when one is needed that is not there, or they depend on each other in a circle
 */
export function loadOrder(modules: ReadonlyMap<string, Uint8Array>): readonly string[] {
  const names = new Map([...modules.keys()].map((name) => [canonical(name), name]));
  const order = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (order.has(name)) return;
    if (path.includes(name)) throw refuseInput(`the modules ${path.join(', ')} depend on each other`);
    for (const needed of dependenciesOf(modules.get(name) ?? new Uint8Array(), name)) {
      const there = names.get(needed);
      if (there === undefined) throw refuseInput(`the module ${name} needs ${needed}, which the lock does not list`);
      visit(there, [...path, name]);
    }
    order.add(name);
  };
  for (const name of modules.keys()) visit(name, []);
  return [...order];
}
