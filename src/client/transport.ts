/**
 * What a session needs of the machine it runs on: trust files, collateral and connections. This is Node's; `#transport` in package.json gives
 * browsers transport-browser.ts instead.
 */
import type { Collateral } from './collateral.ts';
import { type CollateralSource, openCollateral } from './collateral-source.ts';
import type { ConnectionDemands } from './connection.ts';
import { type ConnectionPool, openConnectionPool } from './connection-pool.ts';
import { openTrustFile } from './trust.ts';
import type { TrustSource } from './trust-source.ts';

export interface Transport {
  readonly openTrustFile: (path: string, memory: string | null) => Promise<TrustSource>;
  readonly openCollateral: (source: CollateralSource, now: () => Date) => Promise<Collateral>;
  readonly openConnectionPool: (demands: ConnectionDemands) => ConnectionPool;
}

/** Gives direct TLS 1.3 connections and the file system; nothing is read or dialled yet. */
export function openTransport(): Transport {
  return { openTrustFile, openCollateral, openConnectionPool };
}
