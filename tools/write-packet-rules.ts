/**
 * Prints the packet rules of the image.
 *   node tools/write-packet-rules.ts BROKER-UID PORT > /etc/nftables.conf
 */
import { writeRuleset } from '../src/image/packet-rules.ts';

const [uid, port, ...others] = process.argv.slice(2).map((text) => (/^\d+$/.test(text) ? Number(text) : Number.NaN));
if (uid === undefined || port === undefined || others.length > 0) {
  process.stderr.write('packet-rules: say which user the broker runs as, and on which port it listens, as numbers\n');
  process.exitCode = 2;
} else process.stdout.write(writeRuleset({ brokerUid: uid, listenPort: port }));
