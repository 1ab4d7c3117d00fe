/** Holds openssl's answers about our simulated AMD's chains, lists and reports to what they should be. */
import { AUTHORITY_SERIALS, type SimulatedAmd } from '../../src/testing/index.ts';
import { NOW } from '../testing/shared-amd.ts';
import type { Bundle } from './go-sev-guest.ts';
import { expectWords } from './ledger.ts';
import type { Openssl } from './openssl.ts';
import { derOf, flipBit, type OurCase, REPORT_DATA_AT } from './our-cases.ts';

/** Asks about every report, and about one chain and list of each product line and kind of key. */
export async function compareWithOpenssl(
  openssl: Openssl,
  amd: SimulatedAmd,
  cases: readonly OurCase[],
  amdRoots: readonly Bundle[],
): Promise<void> {
  for (const { name, issued } of cases) {
    const vek = derOf(issued, 0);
    const flipped = flipBit(issued.report, REPORT_DATA_AT);
    expectWords('openssl accepts our report', name, 'Verified OK', openssl.verifyReport(issued.report, vek));
    expectWords('openssl refuses one bit flipped', name, 'erification failure', openssl.verifyReport(flipped, vek));
  }
  for (const { name, product, signer, issued } of cases.filter(({ version }) => version === 5)) {
    const chain = issued.certificates;
    const [root, crl] = [derOf(issued, 2), issued.crl ?? new Uint8Array()];
    const genuine = amdRoots.find((bundle) => bundle.product === product)?.ark ?? new Uint8Array();
    const serial = AUTHORITY_SERIALS[product][signer === 'VCEK' ? 'ask' : 'asvk'];
    const revoked = (await amd.issueReport({ product, signer, crl: { revoked: [serial] } })).crl ?? new Uint8Array();
    const say = (kind: string, words: string, answer: string): void => expectWords(kind, name, words, answer);
    say('openssl accepts our chain', ': OK', openssl.verifyChain(chain, root, NOW));
    say("openssl refuses our chain under AMD's root", 'verification failed', openssl.verifyChain(chain, genuine, NOW));
    say('openssl accepts our revocation list', 'verify OK', openssl.verifyList(crl, root));
    const broken = flipBit(crl, crl.length - 1);
    say('openssl refuses a list with one bit flipped', 'verify failure', openssl.verifyList(broken, root));
    say('openssl finds no revoked intermediate', ': OK', openssl.verifyNotRevoked(chain, crl, NOW));
    say('openssl finds a revoked intermediate', 'certificate revoked', openssl.verifyNotRevoked(chain, revoked, NOW));
  }
}
