/** A module around each opcode, with whatever may follow it, that V8 accepts. */
import { body, leb, moduleOf, section, validate, vector } from './encode.ts';

/** Something of every sort with index 0, and types of every form, so that what follows an opcode can be zeros and small numbers. */
const TYPES = vector([0x60, 0, 0], [0x5f, 1, 0x7f, 1], [0x5e, 0x7f, 1], [0x5e, 0x70, 1]);
const BEFORE = [
  section(1, TYPES),
  section(3, vector(leb(0))),
  section(4, vector([0x70, 0, 1])),
  section(5, vector([0, 1])),
  section(13, vector([0, 0])),
  section(6, vector([0x7f, 1, 0x41, 0, 0x0b])),
  section(9, vector([3, 0, 1, 0])),
  section(12, leb(1)),
];
/** After `unreachable` the stack holds whatever an opcode wants. */
export const moduleWith = (code: readonly number[]): Uint8Array =>
  moduleOf(...BEFORE, section(10, vector(body([0x00, ...code, 0x00]))), section(11, vector([1, 0])));

const INDEXES = [0, 1, 2, 3];
const IMMEDIATES: readonly (readonly number[])[] = [
  [],
  ...INDEXES.map((i) => [i]),
  ...INDEXES.flatMap((i) => INDEXES.map((j) => [i, j])),
  [0, 0, 0],
  [0, 0, 0, 0],
  [1, 0x7f],
  [0x70],
  [0x6e],
  [0x40, 0x0b],
  [0x40, 0, 0x0b],
  [0x40, 1, 0, 0, 0, 0x0b],
  [0x40, 1, 2, 0, 0x0b],
  [0, 0, 0x6e, 0x6d],
  Array.from({ length: 8 }, () => 0),
  Array.from({ length: 16 }, () => 0),
];

const OPCODES: readonly (readonly number[])[] = [
  ...Array.from({ length: 0xfb }, (_, i) => [i]),
  ...[0xfb, 0xfc, 0xfd, 0xfe, 0xff].flatMap((p) => Array.from({ length: 0x140 }, (_, i) => [p, ...leb(i)])),
];

/** Gives every module of one opcode that V8 accepts. */
export function acceptedModules(): readonly { readonly opcode: string; readonly bytes: Uint8Array }[] {
  return OPCODES.flatMap((opcode) =>
    IMMEDIATES.flatMap((immediates) => {
      const bytes = moduleWith([...opcode, ...immediates]);
      return validate(bytes) ? [{ opcode: opcode.map((b) => b.toString(16)).join(' '), bytes }] : [];
    }),
  );
}
