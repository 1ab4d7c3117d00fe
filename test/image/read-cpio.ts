/** Reads a cpio archive of form `newc`, for tests: fields by their places, as the kernel's documentation has them. */

export interface CpioEntry {
  readonly path: string;
  readonly inode: number;
  readonly mode: number;
  readonly owner: number;
  readonly group: number;
  readonly links: number;
  readonly time: number;
  readonly device: readonly [number, number];
  readonly content: string;
}

/** Reads all entries up to the trailer; throws for anything that is not in the form. */
export function readCpio(archive: Uint8Array): CpioEntry[] {
  const bytes = Buffer.from(archive);
  const entries: CpioEntry[] = [];
  for (let at = 0; ; ) {
    const head = bytes.toString('latin1', at, at + 110);
    if (!/^070701[0-9a-f]{104}$/.test(head)) throw new Error(`no entry at ${at}`);
    const field = (n: number): number => Number.parseInt(head.slice(6 + 8 * n, 14 + 8 * n), 16);
    const name = at + 110;
    const data = (name + field(11) + 3) & ~3;
    const path = bytes.toString('latin1', name, name + field(11) - 1);
    if (path === 'TRAILER!!!') return entries;
    entries.push({
      path,
      inode: field(0),
      mode: field(1),
      owner: field(2),
      group: field(3),
      links: field(4),
      time: field(5),
      device: [field(9), field(10)],
      content: bytes.toString('latin1', data, data + field(6)),
    });
    at = (data + field(6) + 3) & ~3;
  }
}
