/* DHCP messages of a client: writes what it sends, reads what comes back. Bytes in, numbers out; it opens nothing. [RFC 2131, RFC 2132] */
#ifndef DHCP_H
#define DHCP_H

#include <stddef.h>
#include <stdint.h>

/* What a message is at most: an Ethernet frame's worth. */
#define DHCP_BYTES 1500
#define DHCP_DNS 3

enum dhcp_type { DHCP_NONE = 0, DHCP_DISCOVER = 1, DHCP_OFFER = 2, DHCP_REQUEST = 3, DHCP_ACK = 5, DHCP_NAK = 6 };

/* Addresses as numbers of this machine (10.0.0.1 is 0x0a000001); 0 where there is none. */
struct lease {
  uint32_t address;
  uint32_t mask;
  uint32_t router;
  uint32_t server;
  uint32_t dns[DHCP_DNS];
  unsigned dns_count;
  uint32_t seconds;
};

/* Which conversation a message belongs to. */
struct dhcp_client {
  uint8_t mac[6];
  uint32_t xid;
};

/* Writes a message and gives its size. A REQUEST names the lease's address: as the one it has when `has_address`, else as the one offered. */
size_t dhcp_write(uint8_t message[DHCP_BYTES], enum dhcp_type type, const struct dhcp_client *client, const struct lease *lease,
                  int has_address);

/* Reads a message; DHCP_NONE for all that is no whole, sensible answer to this client. `lease` is filled for OFFER and ACK only. */
enum dhcp_type dhcp_read(const uint8_t *message, size_t size, const struct dhcp_client *client, struct lease *lease);

#endif
