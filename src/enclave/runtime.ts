/** Name and version of this software, for people: the measurement is what proves it. */

export const RUNTIME = 'anchorhold/0.1.0';
