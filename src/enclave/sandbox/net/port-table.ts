/** Which socket of one call has which local address, for one protocol. Ports are free again at once: inside a call no segment is ever late. */
import { type AddressFamily, isAny, isSameIp, type SocketAddress } from './address.ts';
import type { NetError } from './net-error.ts';

/** [RFC 6335 6] */
const FIRST_EPHEMERAL = 49_152;
const PORTS = 65_536;

interface Binding<T> {
  readonly local: SocketAddress;
  readonly owner: T;
}

export class PortTable<T> {
  readonly #bindings = new Map<string, Binding<T>[]>();
  #nextEphemeral = FIRST_EPHEMERAL;

  #at(family: AddressFamily, port: number): readonly Binding<T>[] {
    return this.#bindings.get(`${family}/${port}`) ?? [];
  }

  #isFree({ ip, port }: SocketAddress): boolean {
    return this.#at(ip.family, port).every(({ local }) => !isAny(local.ip) && !isAny(ip) && !isSameIp(local.ip, ip));
  }

  /** Gives an address to a socket, with a free port where it asks for port 0. */
  claim(owner: T, wanted: SocketAddress): SocketAddress | NetError {
    const local = wanted.port === 0 ? this.#findFree(wanted) : wanted;
    if (local === null || !this.#isFree(local)) return 'address-in-use';
    const key = `${local.ip.family}/${local.port}`;
    this.#bindings.set(key, [...(this.#bindings.get(key) ?? []), { local, owner }]);
    return local;
  }

  #findFree({ ip }: SocketAddress): SocketAddress | null {
    for (let tried = FIRST_EPHEMERAL; tried < PORTS; tried += 1) {
      const local = { ip, port: this.#nextEphemeral };
      this.#nextEphemeral = local.port + 1 < PORTS ? local.port + 1 : FIRST_EPHEMERAL;
      if (this.#isFree(local)) return local;
    }
    return null;
  }

  /** Takes the address back from its socket. */
  release(owner: T, { ip, port }: SocketAddress): void {
    const rest = this.#at(ip.family, port).filter((binding) => binding.owner !== owner);
    if (rest.length > 0) this.#bindings.set(`${ip.family}/${port}`, rest);
    else this.#bindings.delete(`${ip.family}/${port}`);
  }

  /** Finds the socket that has an address, or every address with this port. */
  find({ ip, port }: SocketAddress): T | null {
    return this.#at(ip.family, port).find(({ local }) => isAny(local.ip) || isSameIp(local.ip, ip))?.owner ?? null;
  }
}
