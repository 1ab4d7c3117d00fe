/** Header fields as Node reads them from a connection: a flat list of names and values, each as it came. */

export type RawField = readonly [name: string, value: string];

/** Pairs raw names and values; names in lower case, order and repetition kept. */
export function pairFields(raw: readonly string[]): RawField[] {
  const fields: RawField[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) fields.push([(raw[i] ?? '').toLowerCase(), raw[i + 1] ?? '']);
  return fields;
}
