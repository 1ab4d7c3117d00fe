/** Holds google/go-sev-guest's answers about our simulated AMD, and about its own report, to what they should be. */
import { PRODUCTS } from '../../src/attestation/snp/product.ts';
import { AUTHORITY_SERIALS, type SimulatedAmd } from '../../src/testing/index.ts';
import { NOW, strangerAmd } from '../testing/shared-amd.ts';
import type { Bundle, GoSevGuest, Question } from './go-sev-guest.ts';
import { expectWords } from './ledger.ts';
import { derOf, flipBit, type OurCase, REPORT_DATA_AT } from './our-cases.ts';

async function bundlesOf(amd: SimulatedAmd): Promise<readonly Bundle[]> {
  const bundles: Bundle[] = [];
  for (const product of PRODUCTS) {
    const { certificates } = await amd.issueReport({ product, signer: 'VCEK' });
    const [, ask = new Uint8Array(), ark = new Uint8Array()] = certificates;
    const [, asvk = null] = (await amd.issueReport({ product, signer: 'VLEK' })).certificates;
    bundles.push({ product, ark, ask, asvk });
  }
  return bundles;
}

/** A question about one of our reports; `roots` is what the library is given to trust. */
function ask(ours: OurCase, kind: string, roots: readonly Bundle[] | null, over: Partial<Question> = {}): Question {
  const { issued, signer, name } = ours;
  const vek = derOf(issued, 0);
  return {
    name: `${kind}: ${name}`,
    now: NOW,
    report: issued.report,
    vcek: signer === 'VCEK' ? vek : null,
    vlek: signer === 'VLEK' ? vek : null,
    roots,
    crl: null,
    pathOnly: false,
    ...over,
  };
}

const BAD_SIGNATURE = 'report signature verification error';
const NO_ROOT = 'could not be verified by any trusted roots';

/**
 * What version 0.15 cannot read, in its own words, because AMD's genuine certificates are so; null for the rest. When this is no longer so,
 * the comparison fails, and the line goes.
 */
function gapOf({ product, signer, version }: OurCase): string | null {
  // The firmware level of Turin's FMC has an extension of its own.
  if (product === 'Turin') return 'not an AMD KDS OID: 1.3.6.1.4.1.3704.1.3.9';
  // Only a report of version 2 makes it read the product name; AMD writes Genoa's without a stepping.
  return product === 'Genoa' && signer === 'VCEK' && version === 2 ? 'unknown product name' : null;
}

/** Asks about all our cases at once. */
export async function compareWithGo(go: GoSevGuest, amd: SimulatedAmd, cases: readonly OurCase[]): Promise<void> {
  const [ours, strangers] = [await bundlesOf(amd), await bundlesOf(await strangerAmd())];
  const questions: { question: Question; kind: string; name: string; words: string }[] = [];
  const put = (kind: string, one: OurCase, words: string, roots: readonly Bundle[] | null, over?: Partial<Question>) =>
    questions.push({ question: ask(one, kind, roots, over), kind, name: one.name, words });
  const GAP = 'go-sev-guest cannot read the certificate';
  for (const one of cases) {
    const flipped = flipBit(one.issued.report, REPORT_DATA_AT);
    const gap = gapOf(one);
    if (gap !== null) {
      put(GAP, one, gap, ours);
      const pathOnly = true;
      const NO_PATH = 'no path to a trusted root';
      put('go-sev-guest accepts their path and signature', one, 'accepted', ours, { pathOnly });
      put("go-sev-guest refuses their path to AMD's roots", one, NO_PATH, go.amd, { pathOnly });
      put('go-sev-guest refuses their path to the roots of another', one, NO_PATH, strangers, { pathOnly });
      put('go-sev-guest refuses one bit flipped of theirs', one, BAD_SIGNATURE, ours, { pathOnly, report: flipped });
      continue;
    }
    put('go-sev-guest accepts with our root', one, 'accepted', ours);
    put("go-sev-guest refuses with AMD's roots", one, NO_ROOT, null);
    put('go-sev-guest refuses with the roots of another', one, NO_ROOT, strangers);
    put('go-sev-guest refuses one bit flipped', one, BAD_SIGNATURE, ours, { report: flipped });
    // The library looks for the issuer of VCEKs on the list, whoever signed the report.
    if (one.signer === 'VLEK') continue;
    const { product } = one;
    const revoked = (await amd.issueReport({ product, crl: { revoked: [AUTHORITY_SERIALS[product].ask] } })).crl;
    put('go-sev-guest accepts with our revocation list', one, 'accepted', ours, { crl: one.issued.crl });
    put('go-sev-guest refuses a revoked intermediate', one, 'ASK was revoked', ours, { crl: revoked });
  }
  const turin = cases.find(({ product }) => product === 'Turin');
  if (turin !== undefined) {
    const genuine = { ...turin, name: 'a genuine Turin VCEK' };
    put(GAP, genuine, gapOf(turin) ?? '', null, { vcek: go.turinVcek });
  }
  const own = {
    name: 'attestation.bin',
    now: NOW,
    report: go.readTestData('attestation.bin'),
    vcek: go.readTestData('vcek.testcer'),
    vlek: null,
    crl: null,
    pathOnly: false,
  };
  const put2 = (kind: string, words: string, roots: readonly Bundle[] | null): void => {
    questions.push({ question: { ...own, name: kind, roots }, kind, name: own.name, words });
  };
  put2('go-sev-guest accepts its own report', 'accepted', null);
  put2('go-sev-guest refuses its own report with our root', NO_ROOT, ours);
  const answers = go.ask(questions.map(({ question }) => question));
  for (const { question, kind, name, words } of questions) {
    const error = answers.get(question.name);
    expectWords(kind, name, words, error === undefined ? 'no answer' : (error ?? 'accepted'));
  }
}
