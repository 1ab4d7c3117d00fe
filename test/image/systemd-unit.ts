/** Reads a systemd unit as systemd does, as far as the unit of the documents goes: sections, settings, lines that go on after a backslash. (systemd.syntax(7)) */

export interface Unit {
  readonly sections: readonly string[];
  /** Gives the values of a setting, in order. */
  values(section: string, name: string): readonly string[];
  /** Names the settings that stand more than once. */
  repeated(): readonly string[];
}

/** Parses a unit; throws on a line that is none. */
export function parseUnit(text: string): Unit {
  const sections: string[] = [];
  const settings: (readonly [section: string, name: string, value: string])[] = [];
  for (const line of text.replaceAll(/\\\n\s*/g, ' ').split('\n')) {
    if (line.trim() === '' || /^[#;]/.test(line)) continue;
    const [, section] = /^\[([A-Za-z]+)\]$/.exec(line) ?? [];
    const [, name, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (section !== undefined) sections.push(section);
    else if (name !== undefined && value !== undefined && sections.length > 0)
      settings.push([sections.at(-1) ?? '', name, value.trim()]);
    else throw new Error(`no line of a unit: ${line}`);
  }
  return {
    sections,
    values: (section, name) => settings.filter(([s, n]) => s === section && n === name).map(([, , value]) => value),
    repeated() {
      const names = settings.map(([section, name]) => `${section}.${name}`);
      return [...new Set(names.filter((name, i) => names.indexOf(name) !== i))];
    },
  };
}
