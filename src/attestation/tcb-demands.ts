/** What is demanded of firmware levels: their order, provisional firmware, floors for each of the four TCB versions, firmware version. */
import type { Check } from '../appraisal.ts';
import type { CheckId } from './check-table.ts';
import { makeCheck, skipCheck } from './checks.ts';
import type { Machine, TcbFloor, TcbKind } from './requirements.ts';
import { findFloor } from './snp/floors.ts';
import { formatCpuid, type Product } from './snp/product.ts';
import { type AttestationReport, type FirmwareVersion, formatFirmware } from './snp/report.ts';
import { componentsBelow, equalTcb, formatTcb, layoutOf, type Tcb } from './snp/tcb.ts';

const KINDS: readonly (readonly [TcbKind, CheckId])[] = [
  ['reported', 'tcb-reported'],
  ['committed', 'tcb-committed'],
  ['launch', 'tcb-launch'],
  ['current', 'tcb-current'],
];

function tcbOf(report: AttestationReport, kind: TcbKind): Tcb {
  return {
    reported: report.reportedTcb,
    committed: report.committedTcb,
    launch: report.launchTcb,
    current: report.currentTcb,
  }[kind];
}

/** Makes the checks on TCB versions. */
export function checkTcb(report: AttestationReport, product: Product, machine: Machine): readonly Check[] {
  return [
    checkOrder(report),
    checkCommitted(report, machine.committedEqualsCurrent),
    ...KINDS.map(([kind, id]) => checkFloor(id, kind, report, product, machine.tcb)),
  ];
}

function checkOrder(report: AttestationReport): Check {
  const pairs: readonly (readonly [TcbKind, TcbKind])[] = [
    ['reported', 'committed'],
    ['committed', 'current'],
    ['launch', 'current'],
  ];
  const problems = pairs.flatMap(([low, high]) =>
    componentsBelow(tcbOf(report, high), tcbOf(report, low)).map((c) => `${c} of ${low} is above ${high}`),
  );
  const expected = 'reported <= committed <= current, launch <= current';
  return makeCheck('tcb-order', problems.length === 0, expected, problems.join('; ') || 'so');
}

function checkCommitted(report: AttestationReport, demanded: boolean): Check {
  const current = `${formatTcb(report.currentTcb)}, firmware ${formatFirmware(report.currentFirmware)}`;
  const committed = `${formatTcb(report.committedTcb)}, firmware ${formatFirmware(report.committedFirmware)}`;
  const id = 'tcb-committed-equals-current';
  if (!demanded) return skipCheck(id, 'any', `${committed}; current ${current}`);
  const met =
    equalTcb(report.currentTcb, report.committedTcb) &&
    compareFirmware(report.currentFirmware, report.committedFirmware) === 0;
  return makeCheck(id, met, `committed is ${current}`, committed);
}

/** Gives the floor that applies: null when none is known, which refuses. */
function floorOf(
  report: AttestationReport,
  kind: TcbKind,
  product: Product,
  demand: Machine['tcb'],
): Tcb | 'any' | null {
  if (demand === 'any') return 'any';
  if (typeof demand === 'string') return findFloor(demand, report.cpuid);
  const floors = demand[kind];
  if (floors === 'any') return 'any';
  const floor: TcbFloor | undefined = floors[product];
  return floor === undefined ? null : { ...floor, fmc: floor.fmc ?? null };
}

function checkFloor(
  id: CheckId,
  kind: TcbKind,
  report: AttestationReport,
  product: Product,
  demand: Machine['tcb'],
): Check {
  const tcb = tcbOf(report, kind);
  const actual = formatTcb(tcb);
  const floor = floorOf(report, kind, product, demand);
  if (floor === 'any') return skipCheck(id, floor, actual);
  if (floor === null) {
    const cpu =
      report.cpuid === null ? `${product} (version 2 names no CPU)` : `${product} ${formatCpuid(report.cpuid)}`;
    const where = typeof demand === 'string' ? `the floor table ${demand}` : 'machine.tcb';
    return makeCheck(id, false, `a floor for ${cpu} in ${where}, which has none`, actual);
  }
  const met = layoutOf(floor) === layoutOf(tcb) && componentsBelow(tcb, floor).length === 0;
  return makeCheck(id, met, `at least ${formatTcb(floor)}`, actual);
}

const FIRMWARE = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

/** Reads `major.minor.build`, each 0 to 255; gives null for anything else. */
export function parseFirmware(text: string): FirmwareVersion | null {
  const [major = 256, minor = 256, build = 256] = FIRMWARE.exec(text)?.slice(1).map(Number) ?? [];
  return major < 256 && minor < 256 && build < 256 ? { major, minor, build } : null;
}

function compareFirmware(a: FirmwareVersion, b: FirmwareVersion): number {
  return a.major - b.major || a.minor - b.minor || a.build - b.build;
}

/** Makes the check on the firmware's version: the committed one counts too, because the host can go back to it. */
export function checkFirmware(report: AttestationReport, demand: string): Check {
  const { currentFirmware: current, committedFirmware: committed } = report;
  const actual = `current ${formatFirmware(current)}, committed ${formatFirmware(committed)}`;
  if (demand === 'any') return skipCheck('firmware', demand, actual);
  const floor = parseFirmware(demand);
  const met = floor !== null && compareFirmware(current, floor) >= 0 && compareFirmware(committed, floor) >= 0;
  return makeCheck('firmware', met, `at least ${demand}`, actual);
}
