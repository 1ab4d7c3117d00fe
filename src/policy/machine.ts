/** The sections `machine` and `changes`: where this owner's data may go, and who may replace the file. Parsed and carried; enforced elsewhere. */
import { parseRelease } from '../attestation/release/release.ts';
import { encodeHex } from '../base/bytes.ts';
import { ConfigurationError } from '../errors.ts';
import { FORMS } from './forms.ts';
import type { ChangeRules, ImageRule, MachineRules, TcbFloors } from './policy.ts';
import { accept, quote, type Reading, refuse } from './reading.ts';
import { parseReferenceName, reference } from './reference.ts';
import { choice, derived, described, list, optional, problemAt, type Reader, record, required, text } from './shape.ts';
import { parseByteValue, parseCount, parseKey, parseMeasurement } from './words.ts';

const PRODUCTS = ['Milan', 'Genoa', 'Turin'] as const;

function parseFloorTable(name: string): Reading<string> {
  return name === 'any' || /^\d{4}-(?:0[1-9]|1[0-2])$/.test(name)
    ? accept(name)
    : refuse(
        `${quote(name)} is not a floor table: write a year and month such as 2026-09, numbers per product, or any`,
      );
}

const floor = required(text(parseByteValue, FORMS.byte));
const components = { bootloader: floor, tee: floor, snp: floor, microcode: floor };
const floorRecord = record<{ Milan: object | null; Genoa: object | null; Turin: object | null }>('tcb', {
  Milan: optional(record('tcb of Milan', components), null),
  Genoa: optional(record('tcb of Genoa', components), null),
  Turin: optional(record('tcb of Turin', { fmc: floor, ...components }), null),
});

const floorTable = text(parseFloorTable, FORMS.floorTable);
const tcbSchema = { anyOf: [floorTable.schema, floorRecord.schema] };
const tcb = described(tcbSchema, (node, references): string | TcbFloors => {
  if (node.kind === 'text') return floorTable(node, references);
  const floors = floorRecord(node, references);
  const given: Record<string, Record<string, number>> = {};
  for (const product of PRODUCTS) {
    const numbers = floors[product];
    if (numbers !== null) given[product] = Object.fromEntries(Object.entries(numbers).filter(([key]) => key !== 'at'));
  }
  return given;
});

const RELEASE = 'release:';
function parseReleaseName(name: string): Reading<string> {
  return name.startsWith(RELEASE)
    ? parseReferenceName(name.slice(RELEASE.length))
    : refuse(`${quote(name)} is not a release`);
}

function checkRelease(content: string): Reading<unknown> {
  try {
    return accept(parseRelease(content));
  } catch (error) {
    if (error instanceof ConfigurationError) return refuse(`is not a release that can be read: ${error.message}`);
    throw error;
  }
}

const release = reference(checkRelease, parseReleaseName, FORMS.release);
const measurement = text(parseMeasurement, FORMS.measurement);

const imageSchema = { anyOf: [measurement.schema, release.schema] };
const image = described(imageSchema, (node, references): ImageRule => {
  if (node.kind !== 'text' || !node.text.startsWith(RELEASE))
    return { kind: 'measurement', measurement: measurement(node, references) };
  const content = release(node, references);
  return { kind: 'release', release: content, content: parseRelease(content).release };
});

const machine = record<MachineRules>('machine', {
  products: required(list('products', choice(...PRODUCTS), String)),
  tcb: required(tcb),
  smt: required(choice('required', 'forbidden', 'any')),
  images: required(list('images', image, (i) => (i.kind === 'release' ? i.release : i.measurement))),
  counters: optional(choice('durable', 'any'), 'any'),
});

/** Reads the section `machine`; explicit floors must cover every product that is listed. */
export const readMachine: Reader<MachineRules> = derived(machine, ({ at, products, tcb, smt, images, counters }) => {
  const bare = typeof tcb === 'string' ? undefined : products.find((product) => tcb[product] === undefined);
  if (bare !== undefined)
    throw problemAt({ at }, 'ERR_POLICY_VALUE', `tcb says nothing about ${bare}, which products lists`);
  return { products, tcb, smt, images, counters };
});

const changes = record<ChangeRules>('changes', {
  keys: required(list('keys', text(parseKey, FORMS.key), encodeHex)),
  needed: required(text(parseCount, FORMS.count)),
});

/** Reads the section `changes`. */
export const readChanges: Reader<ChangeRules> = derived(changes, ({ at, keys, needed }) => {
  if (needed > keys.length)
    throw problemAt({ at }, 'ERR_POLICY_VALUE', `needed is ${needed}, but only ${keys.length} keys are listed`);
  return { keys, needed };
});
