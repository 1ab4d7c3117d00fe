/** When a circuit opens, lets one call try, and closes; and whose deaths count for whom. */
import { describe, expect, it } from 'vitest';
import { openCircuit } from '../../../src/enclave/sandbox/circuit.ts';
import { openCircuits } from '../../../src/enclave/sandbox/circuits.ts';

const LIMITS = { deaths: 3, windowMs: 1000, pauseMs: 100 };

describe('a circuit', () => {
  const after = (...deaths: number[]): ReturnType<typeof openCircuit> => {
    const circuit = openCircuit(LIMITS);
    for (const time of deaths) circuit.died(time);
    return circuit;
  };

  it('is closed at first', () => {
    expect(after().admit(0)).toBe(0);
  });

  it.each([
    ['stays closed one death below its limit', [0, 10], false],
    ['opens at its limit', [0, 10, 20], true],
    ['stays closed when the first has just left the window', [0, 10, 1000], false],
    ['opens when the first is just within the window', [1, 10, 1000], true],
  ])('%s', (_, deaths, open) => {
    const circuit = after(...deaths);
    expect(circuit.isOpen()).toBe(open);
    expect(circuit.admit(1000) > 0).toBe(open && deaths.at(-1) === 1000);
  });

  it('says how long to wait, then lets one call try and holds the others back', () => {
    const circuit = after(0, 0, 0);
    expect([circuit.admit(0), circuit.admit(99), circuit.admit(100), circuit.admit(100)]).toEqual([100, 1, 0, 100]);
  });

  it('closes when a process lived through the try, and counts anew', () => {
    const circuit = after(0, 0, 0);
    circuit.admit(100);
    circuit.lived();
    expect([circuit.isOpen(), circuit.admit(100)]).toEqual([false, 0]);
    circuit.died(101);
    circuit.died(102);
    expect(circuit.isOpen()).toBe(false);
  });

  it('is not closed by a call that was let through before it opened', () => {
    const circuit = after(0, 0, 0);
    circuit.lived();
    expect(circuit.isOpen()).toBe(true);
  });

  it('waits for another pause when the try ended the process', () => {
    const circuit = after(0, 0, 0);
    circuit.admit(100);
    circuit.died(150);
    circuit.lived();
    expect([circuit.isOpen(), circuit.admit(249), circuit.admit(250)]).toEqual([true, 1, 0]);
  });

  it('lets another call try when the first one never ends', () => {
    const circuit = after(0, 0, 0);
    expect([circuit.admit(100), circuit.admit(199), circuit.admit(200)]).toEqual([0, 1, 0]);
  });
});

describe('the circuits of a function', () => {
  const open = (callers = 8) => {
    const told: boolean[] = [];
    const all = { ...LIMITS, deaths: 4 };
    const circuits = openCircuits({ caller: LIMITS, all, callers }, (isOpen) => told.push(isOpen));
    const kill = (...who: string[]): void => circuits.died(new Set(who), 0);
    const heldBack = (caller: string): string => circuits.admit(caller, 0)?.who ?? 'nobody';
    return { circuits, told, kill, heldBack };
  };

  it('hold back a caller whose calls end processes, and nobody else', () => {
    const { kill, heldBack, told } = open();
    for (let i = 0; i < 100; i++) kill('rude');
    expect([heldBack('rude'), heldBack('polite'), ...told]).toEqual(['caller', 'nobody']);
  });

  it('take no try from a caller whom the one for all holds back', () => {
    const all = { ...LIMITS, deaths: 4, pauseMs: 1000 };
    const circuits = openCircuits({ caller: LIMITS, all, callers: 10 }, () => undefined);
    for (let i = 0; i < 3; i++) circuits.died(new Set(['rude']), 0);
    for (const caller of ['b', 'c', 'd']) circuits.died(new Set([caller]), 50);
    // The caller may try at 100, all at 1050.
    expect(circuits.admit('rude', 1000)).toEqual({ who: 'all', waitMs: 50 });
    expect(circuits.admit('rude', 1050)).toBe(null);
  });

  it('take no try from all for a caller who is held back', () => {
    const circuits = openCircuits(
      { caller: { ...LIMITS, pauseMs: 1000 }, all: { ...LIMITS, deaths: 4 }, callers: 10 },
      () => undefined,
    );
    for (const caller of ['rude', 'rude', 'rude', 'b', 'c', 'd']) circuits.died(new Set([caller]), 0);
    expect(circuits.admit('rude', 100)?.who).toBe('caller');
    expect(circuits.admit('e', 100)).toBe(null);
    expect(circuits.admit('e', 100)?.who).toBe('all');
  });

  it('hold back all when processes die under enough different callers', () => {
    const { kill, heldBack, told } = open();
    for (const caller of ['a', 'b', 'c']) kill(caller);
    expect(heldBack('e')).toBe('nobody');
    kill('d');
    expect([heldBack('e'), told]).toEqual(['all', [true]]);
  });

  it.each([
    ['under nobody', []],
    ['under several callers at once', ['a', 'b']],
  ])('count each death %s against all, and against no caller', (_, who) => {
    const { kill, heldBack } = open();
    for (let i = 0; i < 3; i++) kill(...who);
    expect([heldBack('a'), heldBack('b')]).toEqual(['nobody', 'nobody']);
    kill(...who);
    expect(heldBack('c')).toBe('all');
  });

  it('tell once that all are held back, and once that they no longer are', () => {
    const { circuits, kill, told } = open();
    for (let i = 0; i < 9; i++) kill();
    circuits.admit('a', 100);
    circuits.lived('a');
    circuits.lived('a');
    expect(told).toEqual([true, false]);
  });

  it('remember no more callers than they may', () => {
    const { kill, heldBack } = open(2);
    for (let i = 0; i < 3; i++) kill('old');
    expect(heldBack('old')).toBe('caller');
    kill('a');
    kill('b');
    expect(heldBack('old')).toBe('nobody');
  });
});
