#include "dhcp.h"

#include <string.h>

/* Places of the fixed part. [RFC 2131 2] */
enum { OP = 0, HTYPE = 1, HLEN = 2, XID = 4, FLAGS = 10, CIADDR = 12, YIADDR = 16, CHADDR = 28, COOKIE = 236, OPTIONS = 240 };
/* Options that are used; any other one is passed over. [RFC 2132] */
enum { PAD = 0, MASK = 1, ROUTER = 3, DNS = 6, ADDRESS = 50, LEASE_TIME = 51, TYPE = 53, SERVER = 54, WANTED = 55, END = 255 };

static const uint8_t MAGIC[4] = {99, 130, 83, 99};
/* An answer before the address is known has to come as a broadcast: nothing else would be ours. [RFC 2131 4.1] */
static const uint8_t BROADCAST[2] = {0x80, 0};
/* Leases outside of these are a minute, or a week. */
#define SHORTEST_LEASE 60u
#define LONGEST_LEASE (7u * 24 * 3600)

static uint32_t read_number(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void write_number(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint8_t *write_option(uint8_t *at, uint8_t code, const uint8_t *bytes, uint8_t length) {
  at[0] = code;
  at[1] = length;
  memcpy(at + 2, bytes, length);
  return at + 2 + length;
}

static uint8_t *write_address_option(uint8_t *at, uint8_t code, uint32_t address) {
  uint8_t bytes[4];
  write_number(bytes, address);
  return write_option(at, code, bytes, sizeof bytes);
}

size_t dhcp_write(uint8_t message[DHCP_BYTES], enum dhcp_type type, const struct dhcp_client *client, const struct lease *lease,
                  int has_address) {
  static const uint8_t wanted[] = {MASK, ROUTER, DNS, LEASE_TIME, SERVER};
  const uint8_t kind = (uint8_t)type;
  memset(message, 0, DHCP_BYTES);
  message[OP] = 1;
  message[HTYPE] = 1;
  message[HLEN] = sizeof client->mac;
  write_number(message + XID, client->xid);
  memcpy(message + CHADDR, client->mac, sizeof client->mac);
  memcpy(message + COOKIE, MAGIC, sizeof MAGIC);
  uint8_t *at = write_option(message + OPTIONS, TYPE, &kind, 1);
  if (has_address) {
    write_number(message + CIADDR, lease->address);
  } else {
    memcpy(message + FLAGS, BROADCAST, sizeof BROADCAST);
    if (type == DHCP_REQUEST) {
      at = write_address_option(at, ADDRESS, lease->address);
      at = write_address_option(at, SERVER, lease->server);
    }
  }
  at = write_option(at, WANTED, wanted, sizeof wanted);
  *at++ = END;
  /* Some servers drop what is shorter than a BOOTP message. [RFC 1542 2.1] */
  const size_t size = (size_t)(at - message);
  return size < 300 ? 300 : size;
}

/* Tells whether a machine can have the address: not this network, this machine, many machines, or nobody. */
static int is_host(uint32_t address) {
  const uint32_t first = address >> 24;
  return first != 0 && first != 127 && first < 224;
}

/* Tells whether ones are followed by zeros only, and whether that leaves a network of a sensible size. */
static int is_mask(uint32_t mask) {
  const uint32_t rest = ~mask;
  return (rest & (rest + 1)) == 0 && mask >= 0xff000000u;
}

/* The options that are used, where they stand; null where they do not. */
struct options {
  const uint8_t *bytes[256];
  uint8_t length[256];
};

/* Finds each option; 0 when one reaches past the end or stands twice, which could be read in two ways. */
static int find_options(const uint8_t *at, const uint8_t *end, struct options *found) {
  memset(found, 0, sizeof *found);
  while (at < end && *at != END) {
    if (*at == PAD) {
      at++;
      continue;
    }
    if (end - at < 2 || end - at - 2 < at[1] || found->bytes[at[0]] != NULL) return 0;
    found->bytes[at[0]] = at + 2;
    found->length[at[0]] = at[1];
    at += 2 + at[1];
  }
  return at < end;
}

static uint32_t number_of(const struct options *found, uint8_t code) {
  return found->length[code] == 4 ? read_number(found->bytes[code]) : 0;
}

/* Takes over what the lease needs; 0 when it makes no sense. */
static int read_lease(const uint8_t *message, const struct options *found, struct lease *lease) {
  const uint32_t seconds = number_of(found, LEASE_TIME);
  memset(lease, 0, sizeof *lease);
  lease->address = read_number(message + YIADDR);
  lease->mask = number_of(found, MASK);
  lease->server = number_of(found, SERVER);
  lease->seconds = seconds < SHORTEST_LEASE ? SHORTEST_LEASE : seconds > LONGEST_LEASE ? LONGEST_LEASE : seconds;
  if (!is_host(lease->address) || !is_host(lease->server) || !is_mask(lease->mask) || seconds == 0) return 0;
  /* The first of several routers; a network without one is a network. */
  if (found->bytes[ROUTER] != NULL) {
    if (found->length[ROUTER] < 4 || found->length[ROUTER] % 4 != 0) return 0;
    lease->router = read_number(found->bytes[ROUTER]);
    if (!is_host(lease->router) || lease->router == lease->address) return 0;
  }
  if (found->length[DNS] % 4 != 0) return 0;
  for (unsigned i = 0; i < found->length[DNS] / 4u && i < DHCP_DNS; i++) {
    const uint32_t server = read_number(found->bytes[DNS] + 4 * i);
    if (!is_host(server)) return 0;
    lease->dns[lease->dns_count++] = server;
  }
  return 1;
}

enum dhcp_type dhcp_read(const uint8_t *message, size_t size, const struct dhcp_client *client, struct lease *lease) {
  if (size < OPTIONS || size > DHCP_BYTES) return DHCP_NONE;
  if (message[OP] != 2 || message[HTYPE] != 1 || message[HLEN] != sizeof client->mac) return DHCP_NONE;
  if (read_number(message + XID) != client->xid || memcmp(message + CHADDR, client->mac, sizeof client->mac) != 0) return DHCP_NONE;
  if (memcmp(message + COOKIE, MAGIC, sizeof MAGIC) != 0) return DHCP_NONE;
  struct options found;
  if (!find_options(message + OPTIONS, message + size, &found) || found.length[TYPE] != 1) return DHCP_NONE;
  const uint8_t type = *found.bytes[TYPE];
  if (type == DHCP_NAK) return DHCP_NAK;
  if ((type != DHCP_OFFER && type != DHCP_ACK) || !read_lease(message, &found, lease)) return DHCP_NONE;
  return (enum dhcp_type)type;
}
