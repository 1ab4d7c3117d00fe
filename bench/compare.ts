/**
 * Compares two runs: `node bench/compare.ts EARLIER LATER`. Machines and their neighbours differ from run to run, so what is compared is each
 * figure's ratio to its peer of the same run: how many times the later ratio is the earlier one. Figures without a peer are shown beside.
 */
import { type RecordedFigure, readRecord } from './results.ts';

const [earlierPath, laterPath] = process.argv.slice(2);
if (earlierPath === undefined || laterPath === undefined) {
  console.error('compare: name two records of bench/results, the earlier one first');
  process.exit(2);
}
const earlier = readRecord(earlierPath);
const later = readRecord(laterPath);
const keyOf = (figure: RecordedFigure): string => `${figure.case}: ${figure.name}`;
const before = new Map(earlier.figures.map((figure) => [keyOf(figure), figure]));
const shown = (value: number): string => value.toPrecision(3).padStart(9);

for (const { date, commit, others, machine } of [earlier, later]) {
  console.log(`${date} ${commit} ${machine['machine']}, others had ${(others * 100).toFixed(0)} % of the processors`);
}
for (const figure of later.figures) {
  const was = before.get(keyOf(figure));
  const [a, b] = [was?.ratio?.value ?? was?.value, figure.ratio?.value ?? figure.value];
  const change = a === undefined ? '      new' : `${shown(a)}  ->`;
  const times = a === undefined ? '' : `${(b / a).toFixed(2)} times`;
  const unit = figure.ratio === null ? figure.unit : `x ${figure.ratio.to}`;
  console.log(`${keyOf(figure).padEnd(52)} ${change.padStart(13)} ${shown(b)}  ${times.padEnd(11)} ${unit}`);
}
