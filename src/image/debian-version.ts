/** Compares versions of Debian's packages, to find the newest. [deb-version(7)] */

/** Ranks a character outside of numbers: `~` before everything, even the end; letters before the rest. */
function rank(character: string | undefined): number {
  if (character === '~') return -1;
  if (character === undefined || /\d/.test(character)) return 0;
  return /[A-Za-z]/.test(character) ? character.charCodeAt(0) : character.charCodeAt(0) + 256;
}

/** Compares one part of two versions: text and numbers by turns. */
function comparePart(a: string, b: string): number {
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    while ((i < a.length && !/\d/.test(a[i] ?? '')) || (j < b.length && !/\d/.test(b[j] ?? ''))) {
      const order = rank(a[i]) - rank(b[j]);
      if (order !== 0) return order;
      i++;
      j++;
    }
    const [m = ''] = /^\d*/.exec(a.slice(i)) ?? [];
    const [n = ''] = /^\d*/.exec(b.slice(j)) ?? [];
    const order = BigInt(m || '0') - BigInt(n || '0');
    if (order !== 0n) return order < 0n ? -1 : 1;
    i += m.length;
    j += n.length;
  }
  return 0;
}

function partsOf(version: string): { readonly epoch: string; readonly upstream: string; readonly revision: string } {
  const [, epoch = '0', upstream = '', revision = '0'] = /^(?:(\d+):)?(.*?)(?:-([^-]*))?$/.exec(version) ?? [];
  return { epoch, upstream, revision };
}

/** Gives a number below, above or equal to zero, as `a` is older, newer or the same. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [partsOf(a), partsOf(b)];
  return comparePart(x.epoch, y.epoch) || comparePart(x.upstream, y.upstream) || comparePart(x.revision, y.revision);
}
