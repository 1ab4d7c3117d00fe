/** Processor time of a process and its threads, as the kernel counts it. [proc_pid_stat(5)] */
import { readFileSync } from 'node:fs';

/** The unit of /proc, which is the same on every machine that Node runs on. */
const TICK_MS = 10;
/** User and system time are the fields 14 and 15; the first after the name is field 3. */
const USER = 14 - 3;
const SYSTEM = 15 - 3;

/** Gives the processor time that a process has used, in milliseconds, to 10 ms; null when the kernel does not say. */
export function processTimeMs(pid: number | undefined): number | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  // The name stands in parentheses and may hold any characters; the numbers begin after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[USER]) + Number(fields[SYSTEM]);
  return Number.isFinite(ticks) ? ticks * TICK_MS : null;
}
