/**
 * Connections that have carried a request and may carry another one, for as long as they are idle: given only to whoever names the very same
 * key, the youngest first, and ended after a short while or when there are too many.
 */
import type { HttpCarrier } from './http-messages.ts';

export interface IdleLimits {
  /** For all keys together. */
  readonly maxIdle: number;
  readonly maxIdlePerKey: number;
  readonly idleMs: number;
}

/** Servers often end idle connections after five seconds; whoever is first loses no request. */
export const IDLE_LIMITS: IdleLimits = { maxIdle: 64, maxIdlePerKey: 4, idleMs: 4_000 };

interface Idle {
  readonly key: string;
  readonly carrier: HttpCarrier;
  /** Stops its timer and its watch. */
  readonly wake: () => void;
}

export interface IdleConnections {
  /** Gives a connection that was put back under this key, or null. */
  take(key: string): HttpCarrier | null;
  /** Keeps a connection for the next who names the key. */
  put(key: string, carrier: HttpCarrier): void;
  /** Ends all that are idle. */
  close(): void;
}

/** Starts with none. */
export function openIdleConnections({ maxIdle, maxIdlePerKey, idleMs }: IdleLimits): IdleConnections {
  /** The oldest first. */
  let idle: Idle[] = [];

  const remove = (entry: Idle): void => {
    idle = idle.filter((other) => other !== entry);
    entry.wake();
  };
  const end = (entry: Idle): void => {
    remove(entry);
    entry.carrier.destroy();
  };

  return {
    take(key) {
      const entry = idle.findLast((candidate) => candidate.key === key);
      if (entry === undefined) return null;
      remove(entry);
      return entry.carrier;
    },
    put(key, carrier) {
      const timer = setTimeout(() => end(entry), idleMs);
      timer.unref();
      const unwatch = carrier.watch(() => end(entry));
      const entry: Idle = {
        key,
        carrier,
        wake: () => {
          clearTimeout(timer);
          unwatch();
        },
      };
      idle.push(entry);
      const same = idle.filter((other) => other.key === key);
      const [oldest] = same.length > maxIdlePerKey ? same : idle.length > maxIdle ? idle : [];
      if (oldest !== undefined) end(oldest);
    },
    close() {
      for (const entry of idle) end(entry);
    },
  };
}
