/** Reads `machine` of a trust file: every field required, a preset by name or everything spelled out. docs/trust.md has the fields. */
import {
  boolean,
  described,
  hexOf,
  integer,
  joinPath,
  listOf,
  object,
  oneOf,
  oneOrList,
  type Reader,
  refuseValue,
  schemaOf,
  text,
  wordOr,
} from './json-reader.ts';
import { parseMask } from './machine.ts';
import {
  type BitDemand,
  type Machine,
  PRESETS,
  type TcbDemand,
  type TcbFloor,
  type TcbFloors,
} from './requirements.ts';
import { PRODUCTS, type Product } from './snp/product.ts';
import { parseFirmware } from './tcb-demands.ts';

const bit: Reader<BitDemand> = oneOf('required', 'forbidden', 'any');
const level = integer(0, 255);
const classicFloor = object<TcbFloor>({ bootloader: level, tee: level, snp: level, microcode: level });
const turinFloor = object<TcbFloor>({ fmc: level, bootloader: level, tee: level, snp: level, microcode: level });

const floorOf = (product: Product): Reader<TcbFloor> => (product === 'Turin' ? turinFloor : classicFloor);
const floorsSchema = {
  type: 'object',
  properties: Object.fromEntries(PRODUCTS.map((product) => [product, schemaOf(floorOf(product))])),
  additionalProperties: false,
};

/** Reads floors by product line; a line may be missing, and is refused then. */
const floors: Reader<TcbFloors> = described(floorsSchema, (value, path) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuseValue(path, 'an object of product lines', value);
  const result: Partial<Record<Product, TcbFloor>> = {};
  for (const [name, floor] of Object.entries(value)) {
    const product = PRODUCTS.find((p) => p === name);
    if (product === undefined) throw refuseValue(path, `an object of ${PRODUCTS.join(', ')}`, value);
    result[product] = floorOf(product)(floor, joinPath(path, name));
  }
  return result;
});

/** A number of 0 to 255 without leading zero. */
const BYTE = '(?:[0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])';

const floorsOrAny = wordOr(['any'], floors);
const tcb: Reader<TcbDemand> = wordOr(
  ['2026-09', 'any'],
  object({ reported: floorsOrAny, committed: floorsOrAny, launch: floorsOrAny, current: floorsOrAny }),
);

const mask = text('"any" or a mask of 1 to 16 lower-case hex digits', (v) => v === 'any' || parseMask(v) !== null, {
  pattern: '^(?:any|(?:0x)?[0-9a-f]{1,16})$',
});
const keys = wordOr(['none', 'any'], listOf(hexOf(48)));
const hex = (size: number): Reader<string | readonly string[]> => wordOr(['any'], oneOrList(hexOf(size)));

const GUEST_SVN = /^(?:0x)?[0-9a-f]{1,8}$/;

const guestSvnSchema = {
  anyOf: [
    { type: 'integer', minimum: 0, maximum: 0xffffffff },
    { type: 'string', pattern: GUEST_SVN.source },
  ],
};

/** Reads a guest SVN: a number, or the same number in hex. */
const guestSvn: Reader<number> = described(guestSvnSchema, (value, path) => {
  if (typeof value === 'string' && GUEST_SVN.test(value)) return Number.parseInt(value, 16);
  return integer(0, 0xffffffff)(value, path);
});

const spelledOut: Reader<Machine> = object<Machine>({
  products: listOf(oneOf(...PRODUCTS)),
  signer: listOf(oneOf('VCEK', 'VLEK')),
  tcb,
  committedEqualsCurrent: boolean,
  firmware: text('"any" or a version like "1.55.40"', (v) => v === 'any' || parseFirmware(v) !== null, {
    pattern: `^(?:any|${BYTE}[.]${BYTE}[.]${BYTE})$`,
  }),
  revocation: oneOf('required', 'if-present', 'off'),
  chips: wordOr(['any'], listOf(hexOf(64, 8))),
  vmpl: listOf(integer(0, 3)),
  guestPolicy: object({
    debug: bit,
    migrationAgent: bit,
    smt: bit,
    singleSocket: bit,
    cxl: bit,
    memAes256Xts: bit,
    raplDisabled: bit,
    ciphertextHiding: bit,
    pageSwapDisabled: bit,
  }),
  platform: object<Machine['platform']>({
    smt: bit,
    tsme: bit,
    ecc: bit,
    raplDisabled: bit,
    ciphertextHiding: bit,
    aliasCheckComplete: bit,
    iommuWriteSafe: bit,
    tio: bit,
    unknownBits: oneOf('forbidden', 'any'),
  }),
  mitigations: object({ launch: mask, current: mask }),
  idKey: keys,
  authorKey: keys,
  hostData: hex(32),
  familyId: hex(16),
  imageId: hex(16),
  guestSvn: wordOr(['any'], oneOrList(guestSvn)),
});

const machineSchema = { anyOf: [{ enum: Object.keys(PRESETS) }, schemaOf(spelledOut)] };

/** Reads `machine` with everything spelled out, or the name of a preset. */
export const readMachine: Reader<Machine> = described(machineSchema, (value, path) => {
  if (typeof value !== 'string') return spelledOut(value, path);
  const preset = Object.entries(PRESETS).find(([name]) => name === value)?.[1];
  if (preset === undefined)
    throw refuseValue(path, `an object, or a preset: ${Object.keys(PRESETS).join(', ')}`, value);
  return preset;
});
