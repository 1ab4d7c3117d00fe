/**
 * Which addresses a name may lead to: ordinary public ones only. Whoever answers DNS must not be able to point a listed name at the machine
 * itself, its neighbours or the cloud's metadata service. Resolves nothing. [RFC 6890, IANA special-purpose address registries]
 */
import ipaddr from 'ipaddr.js';

/** Public by their numbers, but answered by the cloud's own host: Azure's WireServer. */
const HOST_SERVICES: ReadonlySet<string> = new Set(['168.63.129.16']);

/** Global unicast addresses all begin with 001; everything else is special or not assigned. [RFC 4291 2.4] */
const GLOBAL_UNICAST: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];

/**
 * Tells why an address is not an ordinary public one, or null when it is: private, loopback, link-local, carrier-grade NAT, multicast,
 * unspecified, reserved, and every IPv6 form that carries an IPv4 address inside (mapped, NAT64, 6to4, Teredo).
 */
export function addressFlaw(address: string): string | null {
  // Only four full decimal parts, or IPv6 without a zone: other spellings mean different addresses to different readers.
  const isPlain =
    ipaddr.IPv4.isValidFourPartDecimal(address) || (ipaddr.IPv6.isValid(address) && !address.includes('%'));
  if (!isPlain) return 'not an address';
  const parsed = ipaddr.parse(address);
  const range = parsed.range();
  if (range !== 'unicast') return range;
  if (HOST_SERVICES.has(parsed.toString())) return 'a service of the host';
  return parsed instanceof ipaddr.IPv6 && !parsed.match(GLOBAL_UNICAST) ? 'not global unicast' : null;
}

/** IPv6 forms outside of 0000::/8 that carry an IPv4 address, which may be one of the machine's. */
const CARRIERS: ReadonlySet<string> = new Set(['6to4', 'teredo']);

/**
 * Tells whether an address leads, or by its form may lead, to the machine itself; what is no address may, too. Bytes are compared, because
 * an address has many spellings: 0:0:0:0:0:0:7f00:1 is ::127.0.0.1.
 */
export function mayBeOwn(address: string): boolean {
  if (addressFlaw(address) === 'not an address') return true;
  const parsed = ipaddr.parse(address);
  const [first] = parsed.toByteArray();
  if (parsed instanceof ipaddr.IPv4) return first === 0 || first === 127;
  // 0000::/8 has loopback, unspecified, and the compatible, mapped and translated forms of IPv4. [RFC 4291 2.4; RFC 6052; RFC 8215]
  return first === 0 || CARRIERS.has(parsed.range());
}

/** Writes an address in its one spelling (IPv6 as the URL standard does, without brackets), or gives null when it is none. */
export function canonicalAddress(address: string): string | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return address;
  if (!ipaddr.IPv6.isValid(address) || address.includes('%')) return null;
  return new URL(`http://[${ipaddr.IPv6.parse(address).toNormalizedString()}]/`).hostname.slice(1, -1);
}
