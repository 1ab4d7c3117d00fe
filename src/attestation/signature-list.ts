/** The list of detached signatures in a file, as text; which of them are any good, only their keys can say. */
import { SIGNATURE_CHARACTERS } from '../base/detached-jws.ts';
import { listOf, type Reader, text } from './json-reader.ts';

/** Reads a list of signatures in compact form. */
export const readSignatures: Reader<readonly string[]> = listOf(
  text(
    'a detached signature in compact form',
    (value) => value.length <= SIGNATURE_CHARACTERS && /^[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]+$/.test(value),
  ),
);
