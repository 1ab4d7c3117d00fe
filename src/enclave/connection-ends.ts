/**
 * Both directions of one TCP connection as a function's sockets take them, with every byte counted before it goes on. Neither direction holds
 * more than a window. Decides nothing: whoever opens it says what each byte costs, and hears once how it ended.
 */
import type { Socket } from 'node:net';
import { ChangeSignal } from '../base/change-signal.ts';
import { LIMITS } from '../base/limits.ts';
import type { Connection } from './sandbox/net/outside.ts';

/** Why a connection ended: `ok` when both directions did by themselves. */
export type ConnectionEnd = 'ok' | 'connection-reset' | 'timeout' | 'call-over' | 'ERR_POLICY_DENIED_LIMIT';

export interface ConnectionTerms {
  /** Counts bytes of either direction; false ends the connection before they go on. */
  readonly spend: (bytes: number) => boolean;
  /** How long neither direction may move. */
  readonly idleMs: number;
  /** Says that the call is over: what it ended properly may still go out, everything else ends. */
  readonly ended: AbortSignal;
  /** How long that may take. */
  readonly flushMs: number;
  readonly onEnd: (reason: ConnectionEnd, bytes: { readonly bytesIn: number; readonly bytesOut: number }) => void;
}

/** Takes a connected socket over. */
export function openConnectionEnds(
  socket: Socket,
  { spend, idleMs, ended, flushMs, onEnd }: ConnectionTerms,
): Connection {
  const window = LIMITS.socketWindowBytes;
  const forReader = new ChangeSignal();
  const forWriter = new ChangeSignal();
  let bytesIn = 0;
  let bytesOut = 0;
  let incoming: 'open' | 'ended' | 'failed' = 'open';
  let outgoing: 'open' | 'ended' = 'open';
  let isCancelled = false;
  let reason: ConnectionEnd = 'ok';

  function breakOff(why: ConnectionEnd): void {
    if (socket.destroyed) return;
    reason = ended.aborted ? 'call-over' : why;
    socket.resetAndDestroy();
  }

  /** Closes the socket once nothing is left to do: whatever was written has gone out, and nobody reads any more. */
  function closeIfDone(): void {
    if (socket.writableFinished && (isCancelled || incoming !== 'open')) socket.destroy();
  }

  let lastMoment: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    isCancelled = true;
    lastMoment = setTimeout(() => breakOff('call-over'), flushMs);
    closeIfDone();
    forReader.notify();
  };
  ended.addEventListener('abort', onAbort, { once: true });
  socket.setTimeout(idleMs, () => breakOff('timeout'));
  socket.on('readable', () => {
    // The end of a stream is only told to whoever reads up to it.
    if (socket.readableLength === 0) socket.read();
    forReader.notify();
  });
  socket.on('end', () => {
    incoming = 'ended';
    closeIfDone();
    forReader.notify();
  });
  socket.on('drain', () => forWriter.notify());
  socket.on('error', () => {
    if (reason === 'ok') reason = 'connection-reset';
  });
  socket.on('close', () => {
    ended.removeEventListener('abort', onAbort);
    clearTimeout(lastMoment);
    if (incoming === 'open') incoming = isCancelled ? 'ended' : 'failed';
    outgoing = 'ended';
    forReader.notify();
    forWriter.notify();
    onEnd(reason, { bytesIn, bytesOut });
  });
  if (ended.aborted) onAbort();

  const isOpen = (): boolean => outgoing === 'open' && !socket.destroyed && socket.writable;
  return {
    source: {
      get state() {
        return incoming;
      },
      get available() {
        return isCancelled ? 0 : socket.readableLength;
      },
      take(maxBytes) {
        const count = Math.min(maxBytes, this.available);
        const piece: unknown = count > 0 ? socket.read(count) : null;
        if (!(piece instanceof Uint8Array)) return new Uint8Array(0);
        // An end that came while bytes were still here is only told to whoever reads on.
        if (socket.readableLength === 0) socket.read(0);
        if (!spend(piece.length)) {
          breakOff('ERR_POLICY_DENIED_LIMIT');
          return new Uint8Array(0);
        }
        bytesIn += piece.length;
        return piece;
      },
      changed: () => forReader.changed(),
      cancel() {
        isCancelled = true;
        closeIfDone();
        forReader.notify();
      },
    },
    sink: {
      get state() {
        return isOpen() ? 'open' : 'closed';
      },
      get room() {
        return isOpen() ? Math.max(0, window - socket.writableLength) : 0;
      },
      write(bytes) {
        if (bytes.length > this.room) return false;
        if (bytes.length === 0) return isOpen();
        if (!spend(bytes.length)) {
          breakOff('ERR_POLICY_DENIED_LIMIT');
          return false;
        }
        bytesOut += bytes.length;
        socket.write(bytes.slice(), () => forWriter.notify());
        return true;
      },
      end() {
        if (outgoing === 'ended') return;
        outgoing = 'ended';
        socket.end(closeIfDone);
        forWriter.notify();
      },
      abort: () => breakOff('connection-reset'),
      changed: () => forWriter.changed(),
    },
  };
}
