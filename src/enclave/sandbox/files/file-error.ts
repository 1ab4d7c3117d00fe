/** How an operation on files fails: one small set of names, which each version of WASI maps to its own. */

export type FileErrorName =
  | 'no-entry'
  | 'exist'
  | 'not-directory'
  | 'is-directory'
  | 'not-empty'
  | 'loop'
  | 'invalid'
  | 'illegal-byte-sequence'
  | 'bad-descriptor'
  | 'read-only'
  | 'not-permitted'
  | 'cross-device'
  | 'name-too-long'
  | 'file-too-large'
  | 'insufficient-space';

/** Says that an operation on files did not happen, and why; nothing has changed when it is thrown. */
export class FileError extends Error {
  readonly code: FileErrorName;
  constructor(code: FileErrorName) {
    super(code);
    this.code = code;
  }
}
