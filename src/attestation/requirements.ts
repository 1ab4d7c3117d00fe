/**
 * What a verifier demands of a machine, exactly as the trust file writes it. No field may be missing: what is not to be checked says
 * `'any'`. Reading it from a file is machine-file.ts, checking a report against it machine.ts.
 */
import { deepFreeze } from '../base/freeze.ts';
import type { Product } from './snp/product.ts';
import type { Signer } from './snp/report.ts';

/** What is demanded of one bit. */
export type BitDemand = 'required' | 'forbidden' | 'any';

/** Names the bits of the guest policy that a verifier can demand. */
export type GuestPolicyBit =
  | 'debug'
  | 'migrationAgent'
  | 'smt'
  | 'singleSocket'
  | 'cxl'
  | 'memAes256Xts'
  | 'raplDisabled'
  | 'ciphertextHiding'
  | 'pageSwapDisabled';

/** Names the bits of PLATFORM_INFO that are known. */
export type PlatformBit =
  | 'smt'
  | 'tsme'
  | 'ecc'
  | 'raplDisabled'
  | 'ciphertextHiding'
  | 'aliasCheckComplete'
  | 'iommuWriteSafe'
  | 'tio';

/** Lowest levels of a product line; `fmc` exactly for Turin. */
export interface TcbFloor {
  readonly fmc?: number;
  readonly bootloader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}

/** Floors by product line; a line that is not listed is refused. */
export type TcbFloors = Readonly<Partial<Record<Product, TcbFloor>>>;

/** Names one of the four TCB versions of a report. */
export type TcbKind = 'reported' | 'committed' | 'launch' | 'current';

/** A dated floor table that applies to all four, explicit floors for each, or nothing. */
export type TcbDemand = FloorTableName | Readonly<Record<TcbKind, TcbFloors | 'any'>> | 'any';

/** Names a floor table; floors.ts has the values. */
export type FloorTableName = '2026-09';

/** Lower-case hex, one value or any of a list, or `'any'`. */
export type HexDemand = string | readonly string[];

/** Everything that is demanded of the machine; docs/trust.md explains each field. */
export interface Machine {
  readonly products: readonly Product[];
  readonly signer: readonly Signer[];
  readonly tcb: TcbDemand;
  readonly committedEqualsCurrent: boolean;
  /** `major.minor.build` or `'any'`. */
  readonly firmware: string;
  readonly revocation: 'required' | 'if-present' | 'off';
  /** 64-byte chip IDs (Turin: 8) or `'any'`. */
  readonly chips: readonly string[] | 'any';
  readonly vmpl: readonly number[];
  readonly guestPolicy: Readonly<Record<GuestPolicyBit, BitDemand>>;
  readonly platform: Readonly<Record<PlatformBit, BitDemand>> & { readonly unknownBits: 'forbidden' | 'any' };
  /** Masks in hex, all of whose bits must be set, or `'any'`. */
  readonly mitigations: { readonly launch: string; readonly current: string };
  /** `'none'`, `'any'` or SHA-384 digests. */
  readonly idKey: 'none' | 'any' | readonly string[];
  readonly authorKey: 'none' | 'any' | readonly string[];
  readonly hostData: HexDemand;
  readonly familyId: HexDemand;
  readonly imageId: HexDemand;
  readonly guestSvn: number | readonly number[] | 'any';
}

/** Names a preset that a trust file may give instead of spelling `machine` out. */
export type PresetName = 'strict-2026-11';

/** The presets; docs/trust.md lists every value. A preset is never changed: a new one gets a new date. */
export const PRESETS: Readonly<Record<PresetName, Machine>> = deepFreeze({
  'strict-2026-11': {
    products: ['Genoa', 'Turin'],
    signer: ['VCEK', 'VLEK'],
    tcb: '2026-09',
    committedEqualsCurrent: false,
    firmware: '1.55.40',
    revocation: 'required',
    chips: 'any',
    vmpl: [0],
    guestPolicy: {
      debug: 'forbidden',
      migrationAgent: 'forbidden',
      smt: 'any',
      singleSocket: 'any',
      cxl: 'forbidden',
      memAes256Xts: 'any',
      raplDisabled: 'any',
      ciphertextHiding: 'any',
      pageSwapDisabled: 'any',
    },
    platform: {
      smt: 'any',
      tsme: 'any',
      ecc: 'any',
      raplDisabled: 'any',
      ciphertextHiding: 'any',
      aliasCheckComplete: 'required',
      iommuWriteSafe: 'any',
      tio: 'any',
      unknownBits: 'forbidden',
    },
    mitigations: { launch: 'any', current: 'any' },
    idKey: 'none',
    authorKey: 'none',
    hostData: 'any',
    familyId: 'any',
    imageId: 'any',
    guestSvn: 'any',
  },
});
