/**
 * Finds where the code of a function has to pay, and how much: each straight line pays for all its instructions where it begins, and a short
 * one together with the line before its block. So a branch may have paid for what it leaves out, never the other way round. Only what can
 * repeat, functions and loops, also looks whether there is gas left. A function with a loop may count in a local, which is written back
 * wherever somebody else could look at the counter.
 */
import type { Cursor } from '../component/cursor.ts';
import type { Body, CoreModule } from './module.ts';
import { OP } from './opcodes.ts';
import { type Instruction, walkExpression } from './walk-code.ts';

/** What a call of an imported function costs, in instructions: it may be the host's, and then a copy of bytes and a look at each of them. */
const IMPORT_COST = 500;

/** What one page, element or byte costs, in sixteenths of an instruction: these opcodes are loops in disguise, and their count is on top. */
const PAGE = 65_536;
const ELEMENT = 16;
const BYTE = 1;
const LENGTH_COSTS: ReadonlyMap<number, number> = new Map([
  [OP.memoryGrow, PAGE],
  [OP.memoryInit, BYTE],
  [OP.memoryCopy, BYTE],
  [OP.memoryFill, BYTE],
  [OP.tableInit, ELEMENT],
  [OP.tableCopy, ELEMENT],
  [OP.tableGrow, ELEMENT],
  [OP.tableFill, ELEMENT],
  [OP.arrayNew, ELEMENT],
  [OP.arrayNewDefault, ELEMENT],
  [OP.arrayNewData, ELEMENT],
  [OP.arrayNewElement, ELEMENT],
  [OP.arrayFill, ELEMENT],
  [OP.arrayCopy, ELEMENT],
  [OP.arrayInitData, ELEMENT],
  [OP.arrayInitElement, ELEMENT],
]);

/** Instructions that a line may have to be paid for by the line before its block: paying itself takes four. */
const SHORT_COST = 24;

/** Every instruction pays. */
const NONE_UNASKED: Uint8Array = new Uint8Array(0);

interface Line {
  readonly kind: 'line';
  readonly at: number;
  cost: number;
  /** True for those that can repeat: nobody else may pay for them. */
  readonly checks: boolean;
  /** A line that has always run when this one runs, as often at least; null where none is known. */
  readonly before: Line | null;
}

/** A place in the code where something is paid: a line's instructions, or by a length that is on top of the stack. */
type Charge = Line | { readonly kind: 'length'; readonly at: number; readonly sixteenths: number };

/** A place where a function that counts in a local writes the counter, or reads it again. */
type Exchange = { readonly kind: 'write'; readonly at: number } | { readonly kind: 'read'; readonly at: number };

export type Insertion = Charge | Exchange;

/** What is to be put into the code of one function. */
export interface MeteredCode {
  /** In the order of their places; the first is the line with which the function begins. */
  readonly insertions: readonly Insertion[];
  /** Whether counting in a local is worth it and possible: there is a loop, and nothing is caught, which would come from anywhere. */
  readonly countsInLocal: boolean;
}

interface Block {
  readonly op: number;
  /** The line in which it begins. */
  readonly line: Line | null;
  isTarget: boolean;
}

const NEVER_FALLS_THROUGH: ReadonlySet<number> = new Set([
  OP.unreachable,
  OP.br,
  OP.brTable,
  OP.return,
  OP.throw,
  OP.rethrow,
  OP.throwRef,
  OP.returnCall,
  OP.returnCallIndirect,
  OP.returnCallRef,
]);
const ARMS: ReadonlySet<number> = new Set([OP.else, OP.catch, OP.catchAll]);
const BLOCKS: ReadonlySet<number> = new Set([OP.block, OP.loop, OP.if, OP.try, OP.tryTable]);
const DIRECT_CALLS: ReadonlySet<number> = new Set([OP.call, OP.returnCall]);
const INDIRECT_CALLS: ReadonlySet<number> = new Set([
  OP.callIndirect,
  OP.callRef,
  OP.returnCallIndirect,
  OP.returnCallRef,
]);
const CALLS: ReadonlySet<number> = new Set([OP.call, OP.callIndirect, OP.callRef]);
const CATCHES: ReadonlySet<number> = new Set([OP.try, OP.tryTable]);
/** What ends a function, but for the end of its code and branches out of it. */
const LEAVES: ReadonlySet<number> = new Set([
  OP.return,
  OP.throw,
  OP.rethrow,
  OP.throwRef,
  OP.returnCall,
  OP.returnCallIndirect,
  OP.returnCallRef,
]);

/** Lets short lines be paid for by those before them, the innermost first. */
function foldLines(insertions: readonly Insertion[]): void {
  for (const line of insertions.toReversed()) {
    if (line.kind !== 'line' || line.checks || line.before === null || line.cost > SHORT_COST) continue;
    line.before.cost += line.cost;
    line.cost = 0;
  }
}

/** Locals that the engine clears for what one instruction costs. */
const LOCALS_PER_COST = 4;

/** Finds what a body of this module has to pay. */
export function meterCode(module: CoreModule, { code, end, locals }: Body): MeteredCode {
  const { imported, reachesOthers, types } = module;
  const c: Cursor = { bytes: module.bytes, at: code, end, items: { left: 0 } };
  const insertions: Insertion[] = [];
  let hasLoop = false;
  let catches = false;
  const blocks: Block[] = [];
  /** The line that pays for what comes next; null where nothing can come. */
  let line: Line | null = null;

  function begin(at: number, checks: boolean, before: Line | null, cost = 0): void {
    line = { kind: 'line', at, cost, checks, before };
    insertions.push(line);
  }

  function exchange(kind: Exchange['kind'], at: number): void {
    insertions.push({ kind, at });
  }

  /** Whoever leaves a block by a branch lands behind its end, and behind a loop nothing repeats any more: a line of its own begins there. */
  function close(end: number): void {
    const block = blocks.pop();
    if (block === undefined) return;
    const falls = line !== null;
    if (block.op === OP.loop ? falls : block.isTarget || block.op !== OP.block) begin(end, false, block.line);
  }

  function costOf({ op, index }: Instruction): number {
    if (DIRECT_CALLS.has(op)) return index < imported.func ? IMPORT_COST : 1;
    // Where it leads is known when it runs.
    if (INDIRECT_CALLS.has(op)) return reachesOthers ? IMPORT_COST : 1;
    return op === OP.structNewDefault ? 1 + (types.fields[index] ?? 0) : 1;
  }

  function pay(line: Line, instruction: Instruction): void {
    const { op, at, end, labels } = instruction;
    line.cost += costOf(instruction);
    const sixteenths = LENGTH_COSTS.get(op);
    if (sixteenths !== undefined) {
      exchange('write', at);
      insertions.push({ kind: 'length', at, sixteenths });
      exchange('read', at);
    } else if (CALLS.has(op)) {
      exchange('write', at);
      exchange('read', end);
    } else if (LEAVES.has(op) || (op === OP.end ? blocks.length === 0 : labels.includes(blocks.length))) {
      exchange('write', at);
    }
  }

  function visit(instruction: Instruction): void {
    const { op, end, labels } = instruction;
    for (const depth of labels) {
      const block = blocks.at(-1 - depth);
      if (block !== undefined) block.isTarget = true;
    }
    if (line !== null) pay(line, instruction);
    hasLoop ||= op === OP.loop;
    catches ||= CATCHES.has(op);
    if (BLOCKS.has(op)) {
      blocks.push({ op, line, isTarget: false });
      if (line !== null && (op === OP.loop || op === OP.if)) begin(end, op === OP.loop, line);
    } else if (ARMS.has(op)) begin(end, false, blocks.at(-1)?.line ?? null);
    else if (op === OP.end || op === OP.delegate) close(end);
    else if (NEVER_FALLS_THROUGH.has(op)) line = null;
  }

  begin(c.at, true, null, Math.floor(locals / LOCALS_PER_COST));
  walkExpression(c, NONE_UNASKED, visit);
  foldLines(insertions);
  return { insertions, countsInLocal: hasLoop && !catches };
}
