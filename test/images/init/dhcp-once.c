/* Reads one DHCP message from stdin, for the client 02:00:00:00:00:01 and the conversation 0x12345678, and prints what is in it as JSON. With
   an argument it writes a message of that type instead, of a client that has the address 10.0.2.15 when there is a second argument. */
#include <stdio.h>
#include <stdlib.h>

#include "dhcp.h"

int main(int count, char *arguments[]) {
  const struct dhcp_client client = {{2, 0, 0, 0, 0, 1}, 0x12345678};
  struct lease lease = {.address = 0x0a00020f, .server = 0x0a000202};
  if (count > 1) {
    uint8_t message[DHCP_BYTES];
    const size_t size = dhcp_write(message, (enum dhcp_type)atoi(arguments[1]), &client, &lease, count > 2);
    return fwrite(message, 1, size, stdout) == size ? 0 : 1;
  }
  uint8_t message[4096];
  const size_t size = fread(message, 1, sizeof message, stdin);
  const int type = dhcp_read(message, size, &client, &lease);
  if (type != DHCP_OFFER && type != DHCP_ACK) {
    printf("{\"type\":%d}\n", type);
    return 0;
  }
  printf("{\"type\":%d,\"address\":%u,\"mask\":%u,\"router\":%u,\"server\":%u,\"seconds\":%u,\"dns\":[", type, lease.address, lease.mask,
         lease.router, lease.server, lease.seconds);
  for (unsigned i = 0; i < lease.dns_count; i++) printf("%s%u", i > 0 ? "," : "", lease.dns[i]);
  puts("]}");
  return 0;
}
