/** How names of the Component Model become names of JavaScript. */

/** Makes `kebab-case` into `camelCase`; a dash in front makes the first letter a capital. */
export function camelCase(label: string): string {
  return label.replace(/-([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
