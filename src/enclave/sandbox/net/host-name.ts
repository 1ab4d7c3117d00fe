/**
 * Which texts can be host names, in their ASCII form. What some readers would take for an address in disguise (0x7f.1, 2130706433) is no name.
 * Whether a name may be looked up is not decided here. [RFC 1035 2.3.1; RFC 5891 5]
 */
import { domainToASCII } from 'node:url';

const NAME_CHARACTERS = 253;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const NUMBER = /^(?:\d+|0x[0-9a-f]*)$/;
/** Letters, marks and digits of any alphabet, and what may stand between them: no sign that parts a host from anything else. */
const WRITTEN = /^[\p{L}\p{M}\p{N}._-]+$/u;

/** Gives a name in ASCII, in lower case and without the final dot; null when it is none. */
export function parseHostName(text: string): string | null {
  if (text.length > NAME_CHARACTERS || !WRITTEN.test(text)) return null;
  const name = domainToASCII(text).replace(/\.$/, '');
  const labels = name.split('.');
  if (name.length > NAME_CHARACTERS || !labels.every((label) => LABEL.test(label))) return null;
  return NUMBER.test(labels.at(-1) ?? '') ? null : name;
}
