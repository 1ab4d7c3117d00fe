/** What a process has used of the processor, as Linux says it; other systems say it in other ways, and here nothing. */
import { readFileSync } from 'node:fs';

/** Length of a tick: Linux shows times in hundredths of a second on every machine that we run on. [Linux proc_pid_stat(5)] */
const TICK_MS = 10;
/** Places of user and system time behind the name, which ends with the last bracket and may hold anything. */
const USER_TIME = 11;
const SYSTEM_TIME = 12;

/** Gives the processor time of a process in milliseconds, all its threads together; null when the system does not say. */
export function readProcessCpuMs(pid: number): number | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME]);
    return Number.isSafeInteger(ticks) ? ticks * TICK_MS : null;
  } catch {
    return null;
  }
}
