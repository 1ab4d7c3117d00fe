/**
 * Latencies as counts in classes that are each 5 % wider than the one before: a million of them take a few hundred numbers, and two runs add
 * up. From the counts come percentiles, and a histogram as text.
 */

const FIRST_US = 1;
const WIDTH = 1.05;
const CLASSES = 400;

/** How many latencies fell into each class. */
export type LatencyCounts = readonly number[];

/** Opens empty counts, and gives what adds one latency in microseconds. */
export function openLatencyCounts(): { readonly counts: LatencyCounts; readonly add: (us: number) => void } {
  const counts = Array.from({ length: CLASSES }, () => 0);
  return {
    counts,
    add(us) {
      const at = Math.min(CLASSES - 1, Math.max(0, Math.ceil(Math.log(us / FIRST_US) / Math.log(WIDTH))));
      counts[at] = (counts[at] ?? 0) + 1;
    },
  };
}

/** Adds counts up. */
export function sumCounts(all: readonly LatencyCounts[]): LatencyCounts {
  return Array.from({ length: CLASSES }, (_, i) => all.reduce((sum, counts) => sum + (counts[i] ?? 0), 0));
}

const upperUs = (at: number): number => FIRST_US * WIDTH ** at;

/** Gives the latency in microseconds that this share of all is not over: the upper end of its class, so at most 5 % too much. */
export function percentileUs(counts: LatencyCounts, share: number): number {
  const wanted = counts.reduce((sum, n) => sum + n, 0) * share;
  let seen = 0;
  for (const [at, n] of counts.entries()) {
    seen += n;
    if (n > 0 && seen >= wanted) return upperUs(at);
  }
  return Number.NaN;
}

const BARS = 48;
/** Classes that one line stands for: a line is twice the one before. */
const PER_LINE = Math.round(Math.log(2) / Math.log(WIDTH));

const timeOf = (us: number): string => (us < 1000 ? `${us.toFixed(0)} us` : `${(us / 1000).toPrecision(3)} ms`);

/** Draws a histogram: a line for each doubling of the latency, and the share of all requests in it. */
export function drawHistogram(name: string, counts: LatencyCounts): string {
  const total = counts.reduce((sum, n) => sum + n, 0);
  const lines: { readonly end: number; readonly share: number }[] = [];
  for (let at = 0; at < CLASSES; at += PER_LINE) {
    const n = counts.slice(at, at + PER_LINE).reduce((sum, c) => sum + c, 0);
    lines.push({ end: at + PER_LINE - 1, share: n / total });
  }
  const first = lines.findIndex(({ share }) => share > 0);
  const last = lines.findLastIndex(({ share }) => share > 0);
  const most = Math.max(...lines.map(({ share }) => share));
  const drawn = lines.slice(Math.max(0, first), last + 1).map(({ end, share }) => {
    const bar = '#'.repeat(Math.ceil((share / most) * BARS));
    return `  up to ${timeOf(upperUs(end)).padStart(8)}  ${(share * 100).toFixed(share < 0.001 ? 4 : 2).padStart(8)} %  ${bar}`;
  });
  return `${name}, ${total} requests\n${drawn.join('\n')}`;
}
