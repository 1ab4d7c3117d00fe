/** Keeps what the verifiers said beside what they should say, and counts: a comparison that ran too few cases has failed. */
/** How many cases of each kind there must be. */
const EXPECTED: Readonly<Record<string, number>> = {
  'go-sev-guest accepts with our root': 15,
  "go-sev-guest refuses with AMD's roots": 15,
  'go-sev-guest refuses with the roots of another': 15,
  'go-sev-guest refuses one bit flipped': 15,
  'go-sev-guest accepts with our revocation list': 7,
  'go-sev-guest refuses a revoked intermediate': 7,
  'go-sev-guest cannot read the certificate': 10,
  'go-sev-guest accepts their path and signature': 9,
  "go-sev-guest refuses their path to AMD's roots": 9,
  'go-sev-guest refuses their path to the roots of another': 9,
  'go-sev-guest refuses one bit flipped of theirs': 9,
  'go-sev-guest accepts its own report': 1,
  'go-sev-guest refuses its own report with our root': 1,
  'openssl accepts our chain': 6,
  "openssl refuses our chain under AMD's root": 6,
  'openssl accepts our revocation list': 6,
  'openssl refuses a list with one bit flipped': 6,
  'openssl finds no revoked intermediate': 6,
  'openssl finds a revoked intermediate': 6,
  'openssl accepts our report': 24,
  'openssl refuses one bit flipped': 24,
  "openssl accepts go-sev-guest's report and chain": 2,
  "we give our verdict on go-sev-guest's report": 4,
};

/** What went wrong; null when the case went as it should. */
interface Outcome {
  readonly kind: string;
  readonly name: string;
  readonly flaw: string | null;
}

const outcomes: Outcome[] = [];

/** Notes an answer that must contain some words. */
export function expectWords(kind: string, name: string, words: string, answer: string): void {
  outcomes.push({ kind, name, flaw: answer.includes(words) ? null : `expected "${words}", got: ${answer}` });
}

/** Writes the table with `print`; tells whether everything went as it should. */
export function conclude(print: (line: string) => void): boolean {
  let seen = 0;
  let good = true;
  for (const [kind, expected] of Object.entries(EXPECTED)) {
    const own = outcomes.filter((outcome) => outcome.kind === kind);
    const passed = own.filter(({ flaw }) => flaw === null).length;
    const fine = passed === expected && own.length === expected;
    seen += own.length;
    good &&= fine;
    print(`  ${fine ? 'ok  ' : 'FAIL'}  ${kind.padEnd(56)} ${`${passed}/${expected}`.padStart(6)}`);
  }
  for (const { kind, name, flaw } of outcomes) if (flaw !== null) print(`\n${kind}: ${name}\n  ${flaw}`);
  const wanted = Object.values(EXPECTED).reduce((sum, n) => sum + n, 0);
  print(`\n${seen} of ${wanted} cases, ${good && seen === wanted ? 'all as they should be' : 'NOT as they should be'}`);
  return good && seen === wanted;
}
