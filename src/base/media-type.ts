/** Media types without their parameters, as policies list them and answers carry them. [RFC 9110 8.3.1] */

const TOKEN = /^[a-z0-9!#$&^_.+-]{1,64}\/[a-z0-9!#$&^_.+-]{1,64}$/;

/** Reads `type/subtype`, with or without parameters, into lower case without them; gives null for anything else. [RFC 9110 8.3.1] */
export function parseMediaType(text: string): string | null {
  const end = text.indexOf(';');
  const essence = (end === -1 ? text : text.slice(0, end)).trim().toLowerCase();
  return TOKEN.test(essence) ? essence : null;
}
