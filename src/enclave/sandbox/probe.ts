/**
 * A child that is confined as those of functions are, and says whether that holds: it asks the permission model, and then tries to read a file,
 * to start a process and to reach the network. Writes one word to its pipe, and ends.
 */
import { Socket } from 'node:net';
import { PIPE_FD } from './confined-process.ts';
import { findOpenDoor, removeSignals } from './lockdown.ts';

/** Gives whether Node itself refused: another failure would say that the door is open and only nothing stood behind it. */
function isRefused(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_ACCESS_DENIED';
}

function isShut(attempt: () => void): boolean {
  try {
    attempt();
    return false;
  } catch (error) {
    return isRefused(error);
  }
}

async function reachesNetwork(): Promise<boolean> {
  return await new Promise((resolve) => {
    try {
      const socket = process.getBuiltinModule('node:net').connect({ host: '127.0.0.1', port: 9 });
      socket.once('connect', () => resolve(true));
      socket.once('error', (error) => resolve(!isRefused(error)));
    } catch (error) {
      resolve(!isRefused(error));
    }
  });
}

async function findDoor(): Promise<string | null> {
  removeSignals();
  const door = findOpenDoor();
  if (door !== null) return door;
  const fs = process.getBuiltinModule('node:fs');
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  if (!isShut(() => fs.readFileSync('/proc/self/environ'))) return 'read a file';
  if (!isShut(() => fs.writeFileSync('/dev/null', ''))) return 'wrote a file';
  if (!isShut(() => void spawnSync('/bin/true'))) return 'started a process';
  return (await reachesNetwork()) ? 'reached the network' : null;
}

new Socket({ fd: PIPE_FD, writable: true }).end((await findDoor()) ?? 'shut');
