/**
 * The packet rules of the image: what the kernel lets in and out, whoever asks it. The second wall behind the egress broker: a function that
 * escaped its sandbox runs as another user than the broker, and reaches nothing, not even DNS or the machine itself. Root asks for the
 * machine's address, and nothing else. Written as text for `nft -f`, which takes all of it or nothing. [nft(8)]
 */

export interface RulesetOptions {
  /** The user that gate and broker run as; nobody else sends anything. */
  readonly brokerUid: number;
  /** The worker's only open port. */
  readonly listenPort: number;
}

/** The largest number of a user. */
const MAX_UID = 2 ** 32 - 2;

function demand(value: number, least: number, most: number, what: string): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new RangeError(`${what} must be a whole number from ${least} to ${most}, not ${value}`);
}

/**
 * Writes the rules.
 * @throws RangeError for a user that is root or no number, or a port that is none
 */
export function writeRuleset({ brokerUid, listenPort }: RulesetOptions): string {
  demand(brokerUid, 1, MAX_UID, 'the user of the broker');
  demand(listenPort, 1, 65_535, 'the port');
  return `# Made by src/image/packet-rules.ts. The first two lines make room for the table, whether it is there already or not.
table inet anchorhold
delete table inet anchorhold
table inet anchorhold {
  chain input {
    type filter hook input priority filter; policy drop;
    # What a program on this machine sent to it has passed the output chain.
    iif "lo" accept
    ct state { established, related } accept
    tcp dport ${listenPort} accept
    # Answers to the question for an address come as broadcasts, which belong to no connection. [RFC 2131 4.1]
    meta nfproto ipv4 udp sport 67 udp dport 68 accept
    # Neighbours of IPv6, from this wire only. [RFC 4861 7.1]
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } ip6 hoplimit 255 accept
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
  }
  chain output {
    type filter hook output priority filter; policy drop;
    meta skuid ${brokerUid} meta l4proto tcp accept
    meta skuid ${brokerUid} udp dport 53 accept
    meta skuid 0 meta nfproto ipv4 udp sport 68 udp dport 67 accept
    # Every other packet that a program sends, whoever it is, root too.
    meta skuid 0-${MAX_UID + 1} drop
    # What is left is nobody's: the kernel's own, and the last bytes of a connection whose program has closed it. Only the broker had one.
    ct state { established, related } accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } ip6 hoplimit 255 accept
  }
}
`;
}
