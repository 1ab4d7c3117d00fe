/** How names of the Component Model become names of the host: labels those of JavaScript, interfaces those without a patch level. */

/** Makes `kebab-case` into `camelCase`; a dash in front makes the first letter a capital. */
export function camelCase(label: string): string {
  return label.replace(/-([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * Gives an interface's name without what changes between releases that can stand for each other: all of WASI 0.2 comes down to the bare name,
 * all of 0.3 to the name and `@0.3`, because what bears the same name in both is not the same.
 */
export function interfaceOf(name: string): string {
  const at = name.indexOf('@');
  if (at < 0) return name;
  return /^@0\.3(?:\.\d+)?$/.test(name.slice(at)) ? `${name.slice(0, at)}@0.3` : name.slice(0, at);
}
