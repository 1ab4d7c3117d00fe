/** Which images one policy accepts longer than another: a measurement by itself for ever, one in a release until its version ends. */
import { parseInstant } from '../../base/time.ts';
import type { ImageRule } from '../policy.ts';

/** By measurement, the moment from which it is accepted no more. */
type Ends = ReadonlyMap<string, number>;

interface NamedImages {
  /** How people call them. */
  readonly name: string;
  readonly digests: readonly string[];
  readonly end: number;
}

/** Gives the images of one rule: one measurement, or those of each version of a release. */
function imagesOf(rule: ImageRule): readonly NamedImages[] {
  if (rule.kind === 'measurement')
    return [{ name: rule.measurement, digests: [rule.measurement], end: Number.POSITIVE_INFINITY }];
  const { publisher, versions } = rule.content;
  return versions.map(({ version, until, measurements }) => ({
    name: `${publisher} ${version} until ${until}`,
    digests: measurements.map(({ digest }) => digest),
    end: parseInstant(until)?.getTime() ?? 0,
  }));
}

/** Gives the moment at which each measurement is no longer accepted. */
export function imageEnds(rules: readonly ImageRule[]): Ends {
  const ends = new Map<string, number>();
  for (const { digests, end } of rules.flatMap(imagesOf))
    for (const digest of digests) ends.set(digest, Math.max(end, ends.get(digest) ?? 0));
  return ends;
}

/** Names the images that are accepted at a moment when the other rules accept them not, or no more. */
export function widerImages(own: readonly ImageRule[], other: readonly ImageRule[]): readonly string[] {
  const known = imageEnds(other);
  const wider = own
    .flatMap(imagesOf)
    .filter(({ digests, end }) => digests.some((digest) => end > (known.get(digest) ?? 0)));
  return [...new Set(wider.map(({ name }) => name))];
}
