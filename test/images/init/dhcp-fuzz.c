/* Reads DHCP messages from hostile servers with every check of memory on: messages that are well-formed, changed in some bytes, cut, or noise.
   What is accepted is held against what a lease may be. Prints how many were accepted; a seed makes the same run again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dhcp.h"

static unsigned long long state;

static uint32_t random_number(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 16);
}

static const struct dhcp_client CLIENT = {{2, 0, 0, 0, 0, 1}, 0x12345678};

/* One byte of an option as an honest server would write it. */
static uint8_t honest_byte(uint8_t code, int place) {
  if (code == 53) return random_number() & 1 ? 2 : 5;
  if (code == 1) return place < 3 ? 255 : 0;
  return (uint8_t)(10 + place);
}

/* An answer with the options that a lease needs, and some others; lengths are mostly right. */
static size_t write_answer(uint8_t *message) {
  static const uint8_t codes[] = {1, 3, 6, 51, 53, 54, 15, 26, 43, 0};
  dhcp_write(message, DHCP_DISCOVER, &CLIENT, NULL, 0);
  memset(message + 240, 0, DHCP_BYTES - 240);
  message[0] = 2;
  message[16] = 10;
  message[19] = 15;
  size_t at = 240;
  const unsigned count = 4 + random_number() % 6;
  for (unsigned i = 0; i < count; i++) {
    const uint8_t code = i < 6 ? codes[i] : codes[random_number() % sizeof codes];
    const uint8_t right = code == 53 ? 1 : code == 3 || code == 6 ? (uint8_t)(4 * (random_number() % 5)) : 4;
    const uint8_t length = random_number() % 16 == 0 ? (uint8_t)random_number() : right;
    if (at + 2 + length >= DHCP_BYTES) break;
    message[at++] = code;
    message[at++] = length;
    for (int k = 0; k < length; k++) message[at++] = honest_byte(code, k);
  }
  message[at++] = 255;
  return at;
}

static int is_host(uint32_t address) { return address >> 24 != 0 && address >> 24 != 127 && address >> 24 < 224; }

static void demand(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "accepted: %s\n", what);
  abort();
}

int main(int count, char *arguments[]) {
  const long rounds = count > 1 ? atol(arguments[1]) : 1000;
  state = count > 2 ? strtoull(arguments[2], NULL, 10) | 1 : 1;
  long accepted = 0;
  for (long round = 0; round < rounds; round++) {
    uint8_t message[DHCP_BYTES];
    size_t size = write_answer(message);
    const unsigned changes = random_number() % 4 == 0 ? 0 : random_number() % 6;
    for (unsigned i = 0; i < changes; i++) message[random_number() % size] = (uint8_t)random_number();
    if (random_number() % 3 == 0) size = random_number() % (size + 1);
    if (random_number() % 16 == 0)
      for (size_t i = 240; i < size; i++) message[i] = (uint8_t)random_number();
    /* Exactly as large as it says, so that one byte beyond is seen. */
    uint8_t *exact = malloc(size > 0 ? size : 1);
    memcpy(exact, message, size);
    struct lease lease;
    const enum dhcp_type type = dhcp_read(exact, size, &CLIENT, &lease);
    free(exact);
    if (type != DHCP_OFFER && type != DHCP_ACK) continue;
    accepted++;
    demand(is_host(lease.address), "an address that no machine has");
    demand(is_host(lease.server), "a server that is none");
    demand(lease.router == 0 || (is_host(lease.router) && lease.router != lease.address), "a router that is none");
    demand(lease.seconds >= 60 && lease.seconds <= 604800, "a time out of range");
    demand((~lease.mask & (~lease.mask + 1)) == 0 && lease.mask >= 0xff000000u, "a mask with holes");
    demand(lease.dns_count <= DHCP_DNS, "too many name servers");
    for (unsigned i = 0; i < lease.dns_count; i++) demand(is_host(lease.dns[i]), "a name server that is none");
  }
  printf("%ld\n", accepted);
  return 0;
}
