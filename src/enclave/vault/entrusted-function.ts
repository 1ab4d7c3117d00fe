/**
 * A function with the data that its owners entrust to it: all of their data is there before a call begins, or the call is refused. When any of it
 * changes or is taken back, new calls get a new process at once, and the one that saw it ends with its last call.
 */
import { FunctionError } from '../../errors.ts';
import type { OwnerPolicy } from '../../policy/policy.ts';
import { openRetiringFunction, type RetiringFunction } from '../retiring-function.ts';
import type { MountImage } from '../sandbox/files/mount.ts';
import type { LoadedFunction } from '../sandbox/sandbox.ts';
import { type DataFile, mountData } from './data-mounts.ts';
import type { Vault } from './vault.ts';

export interface EntrustedFunctionOptions {
  readonly name: string;
  /** Gives the policies of all owners who decide about this function, as they are now. */
  readonly policies: () => readonly OwnerPolicy[];
  readonly vault: Pick<Vault, 'data' | 'onChange'>;
  /** The function's own files. */
  readonly mounts: readonly MountImage[];
  /** Starts the function with these trees. */
  readonly load: (mounts: readonly MountImage[]) => Promise<LoadedFunction>;
}

/** The data of a function at one moment; two moments with the same editions have the same data. */
interface DataNow {
  readonly editions: string;
  readonly files: readonly DataFile[];
  readonly missing: readonly string[];
}

const NO_DATA: DataNow = { editions: '', files: [], missing: [] };

interface Running {
  readonly editions: string;
  readonly loaded: RetiringFunction;
}

/** Gives the data that all owners have loaded; what is not complete is given to nobody. */
function findData(policies: readonly OwnerPolicy[], vault: Pick<Vault, 'data'>): DataNow {
  // Most functions have none, and every query asks.
  if (policies.every(({ data }) => data.length === 0)) return NO_DATA;
  const files: DataFile[] = [];
  const editions: string[] = [];
  const missing: string[] = [];
  for (const { owner, data } of policies)
    for (const { name, mount } of data) {
      const held = vault.data(owner, name);
      if (held === null) missing.push(`${owner} has not loaded ${name} (${mount})`);
      else {
        files.push({ owner, path: mount, bytes: held.bytes });
        editions.push(`${held.edition} ${mount}`);
      }
    }
  return missing.length > 0 ? { ...NO_DATA, missing } : { editions: editions.join('\n'), files, missing };
}

function refuse(name: string, why: string): FunctionError {
  return new FunctionError('ERR_FUNCTION_DATA', `function "${name}" does not run: ${why}`);
}

/** Says who has to load what before the function can be called; null when all of it is there. */
export function findMissingData(
  name: string,
  policies: readonly OwnerPolicy[],
  vault: Pick<Vault, 'data'>,
): FunctionError | null {
  const { missing } = findData(policies, vault);
  return missing.length === 0 ? null : refuse(name, missing.join(', and '));
}

/**
 * Loads the function with the data that is there, so that one which cannot run is found at once.
 * @throws FunctionError as `load`
 */
export async function openEntrustedFunction(options: EntrustedFunctionOptions): Promise<LoadedFunction> {
  const { name, policies, vault, mounts, load } = options;
  let running: Running | null = null;
  let loading: { readonly editions: string; readonly done: Promise<Running> } | null = null;
  let isClosed = false;
  const retiring = new Set<Promise<void>>();

  function retire(old: Running | null): void {
    if (old === null) return;
    const gone = old.loaded.retire().catch(() => undefined);
    retiring.add(gone);
    void gone.then(() => retiring.delete(gone));
  }

  const dataNow = (): DataNow => findData(policies(), vault);

  async function start({ editions, files }: DataNow): Promise<Running> {
    const made = mountData(mounts, files);
    if ('clash' in made) throw refuse(name, made.clash);
    return { editions, loaded: openRetiringFunction(await load(made.mounts)) };
  }

  /** Starts a process, and puts it in place unless the data changed meanwhile: then it may have seen what was taken back. */
  async function replace(now: DataNow): Promise<Running> {
    try {
      const next = await start(now);
      if (isClosed || next.editions !== dataNow().editions) retire(next);
      else {
        retire(running);
        running = next;
      }
      return next;
    } finally {
      if (loading?.editions === now.editions) loading = null;
    }
  }

  /** Gives the process for the data of this moment, and starts it where there is none; who waits hears of a failure, and the next call tries again. */
  async function runningWith(now: DataNow): Promise<Running> {
    if (running?.editions === now.editions) return running;
    if (loading?.editions !== now.editions) loading = { editions: now.editions, done: replace(now) };
    return await loading.done;
  }

  /** What saw other data gets no new calls, even before one comes. */
  function follow(): void {
    if (isClosed) return;
    const now = dataNow();
    if (running !== null && running.editions !== now.editions && now.missing.length > 0) {
      retire(running);
      running = null;
    }
    if (now.missing.length === 0) void runningWith(now).catch(() => undefined);
  }

  running = await start(dataNow());
  const unfollow = vault.onChange((owner) => {
    if (policies().some((policy) => policy.owner === owner)) follow();
  });

  return {
    async call(request, terms) {
      for (;;) {
        const now = dataNow();
        if (now.missing.length > 0) throw refuse(name, now.missing.join(', and '));
        const { loaded, editions } = await runningWith(now);
        if (editions === dataNow().editions) return await loaded.call(request, terms);
      }
    },
    async close() {
      isClosed = true;
      unfollow();
      await running?.loaded.close();
      await loading?.done.catch(() => undefined);
      await Promise.all(retiring);
    },
  };
}
