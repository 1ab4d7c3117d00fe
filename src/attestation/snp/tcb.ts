/**
 * TCB versions: one security patch level per firmware component, compared component by component and never as one integer.
 * [SNP-ABI 1.58 TCB_VERSION]
 */

/** The levels, each 0 to 255; `fmc` exists on Turin and later and is null before. */
export interface Tcb {
  readonly fmc: number | null;
  readonly bootloader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}

/** Which byte holds which component: `classic` for Milan and Genoa, `turin` from family 0x1A on. */
export type TcbLayout = 'classic' | 'turin';

/** Names one component. */
export type TcbComponent = 'fmc' | 'bootloader' | 'tee' | 'snp' | 'microcode';

const BYTES: Readonly<Record<TcbLayout, Readonly<Partial<Record<TcbComponent, number>>>>> = {
  classic: { bootloader: 0, tee: 1, snp: 6, microcode: 7 },
  turin: { fmc: 0, bootloader: 1, tee: 2, snp: 3, microcode: 7 },
};

const COMPONENTS: Readonly<Record<TcbLayout, readonly TcbComponent[]>> = {
  classic: ['bootloader', 'tee', 'snp', 'microcode'],
  turin: ['fmc', 'bootloader', 'tee', 'snp', 'microcode'],
};

/** Lists the components of a layout in the order in which people write them. */
export function componentsOf(layout: TcbLayout): readonly TcbComponent[] {
  return COMPONENTS[layout];
}

/** The bytes that hold no component. */
const RESERVED: Readonly<Record<TcbLayout, readonly number[]>> = { classic: [2, 3, 4, 5], turin: [4, 5, 6] };

/** Reads 8 bytes; gives null when a byte that the layout reserves is not zero, or for another length. */
export function parseTcb(bytes: Uint8Array, layout: TcbLayout): Tcb | null {
  const at: Readonly<Partial<Record<TcbComponent, number>>> = BYTES[layout];
  if (bytes.length !== 8 || RESERVED[layout].some((i) => bytes[i] !== 0)) return null;
  const level = (component: TcbComponent): number => bytes[at[component] ?? -1] ?? 0;
  return Object.freeze({
    fmc: layout === 'turin' ? level('fmc') : null,
    bootloader: level('bootloader'),
    tee: level('tee'),
    snp: level('snp'),
    microcode: level('microcode'),
  });
}

/** Encodes a TCB as 8 bytes; the layout follows from `fmc`. */
export function encodeTcb(tcb: Tcb): Uint8Array<ArrayBuffer> {
  const layout = layoutOf(tcb);
  const out = new Uint8Array(8);
  for (const component of componentsOf(layout)) out[BYTES[layout][component] ?? 0] = tcb[component] ?? 0;
  return out;
}

/** Tells the layout of a TCB: with an FMC level it is Turin's. */
export function layoutOf(tcb: Tcb): TcbLayout {
  return tcb.fmc === null ? 'classic' : 'turin';
}

/** Lists the components of `a` that are below those of `b`; a missing FMC counts as 0. */
export function componentsBelow(a: Tcb, b: Tcb): readonly TcbComponent[] {
  return componentsOf('turin').filter((c) => (a[c] ?? 0) < (b[c] ?? 0));
}

/** Tells whether all components are the same, and the layout too. */
export function equalTcb(a: Tcb, b: Tcb): boolean {
  return a.fmc === b.fmc && componentsOf('classic').every((c) => a[c] === b[c]);
}

/** Writes a TCB as `bootloader 10 tee 0 snp 27 microcode 86`. */
export function formatTcb(tcb: Tcb): string {
  return componentsOf(layoutOf(tcb))
    .map((c) => `${c} ${String(tcb[c])}`)
    .join(' ');
}
