/* The one interface of the machine, and what a lease says of it. [netdevice(7)] */
#ifndef NETWORK_H
#define NETWORK_H

#include <net/if.h>
#include <stdint.h>

#include "dhcp.h"

struct interface {
  char name[IF_NAMESIZE];
  uint8_t mac[6];
};

/* Takes up loopback and the first Ethernet interface, and waits for that one where its driver is late. */
void bring_up(struct interface *outside);

/* Gives the interface the address, the routes and the name servers of a lease; null takes them away. */
void apply_lease(const struct interface *outside, const struct lease *lease);

#endif
