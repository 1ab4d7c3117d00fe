/** The worker's log: JSON lines on stderr. The one door to pino. Never given bodies, headers or anything a function wrote. */
import pino from 'pino';

export interface Log {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Opens a log that writes JSON lines to stderr. */
export function openLog(): Log {
  const logger = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
  return {
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
  };
}

/** A log that keeps nothing. */
export const SILENT: Log = { info: () => {}, warn: () => {} };
