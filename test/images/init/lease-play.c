/* The image's DHCP client against a played server, on a played clock: prints, with the second of the clock, each message that the client sends and
   each change of its address. The server is named by what it does when the client renews: confirms, silent, refuses, moves (another address), or
   absent (never answers); `strangers` puts answers of other conversations before each of its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "init.h"
#include "lease.h"
#include "say.h"

#define SERVER 0x0a000202u
#define LEASE_SECONDS 3600

static long long clock_ms;
static const char *behaviour;
/* Answers on their way. */
static uint8_t queue[4][400];
static int queued;

long long now_ms(void) { return clock_ms; }

void say(const char *format, ...) {
  va_list values;
  va_start(values, format);
  printf("%lld says ", clock_ms / 1000);
  vprintf(format, values);
  putchar('\n');
  va_end(values);
}

void give_up(const char *format, ...) {
  puts(format);
  exit(1);
}

void apply_lease(const struct interface *outside, const struct lease *lease) {
  (void)outside;
  if (lease == NULL) printf("%lld gives up its address\n", clock_ms / 1000);
  else printf("%lld has %u\n", clock_ms / 1000, lease->address & 255);
}

static uint8_t *option(uint8_t *at, uint8_t code, uint32_t value) {
  const uint32_t bytes = htonl(value);
  at[0] = code;
  at[1] = 4;
  memcpy(at + 2, &bytes, 4);
  return at + 6;
}

static void reply(const uint8_t *question, uint8_t type, uint32_t address, int is_stranger) {
  uint8_t *answer = queue[queued++];
  memset(answer, 0, sizeof queue[0]);
  memcpy(answer, question, 240);
  answer[0] = 2;
  if (is_stranger) answer[4] ^= 1;
  const uint32_t bytes = htonl(address);
  memcpy(answer + 16, &bytes, 4);
  uint8_t *at = answer + 240;
  *at++ = 53;
  *at++ = 1;
  *at++ = type;
  at = option(option(option(at, 54, SERVER), 1, 0xffffff00u), 51, LEASE_SECONDS);
  *at = 255;
}

static void serve(const uint8_t *question, uint8_t type, int is_renewal) {
  uint32_t address = 0x0a00020fu;
  uint8_t answer = type == DHCP_DISCOVER ? DHCP_OFFER : DHCP_ACK;
  if (strcmp(behaviour, "absent") == 0) return;
  if (is_renewal && strcmp(behaviour, "silent") == 0) return;
  if (is_renewal && strcmp(behaviour, "refuses") == 0) answer = DHCP_NAK;
  if (is_renewal && strcmp(behaviour, "moves") == 0) address++;
  if (strcmp(behaviour, "strangers") == 0) reply(question, answer, 0x0a0002ffu - 1, 1);
  reply(question, answer, address, 0);
}

int __wrap_socket(int domain, int type, int protocol) {
  (void)domain, (void)type, (void)protocol;
  return 100;
}
int __wrap_setsockopt(int handle, int level, int name, const void *value, socklen_t size) {
  (void)handle, (void)level, (void)name, (void)value, (void)size;
  return 0;
}
int __wrap_bind(int handle, const struct sockaddr *address, socklen_t size) {
  (void)handle, (void)address, (void)size;
  return 0;
}
ssize_t __wrap_sendto(int handle, const void *bytes, size_t size, int flags, const struct sockaddr *to, socklen_t to_size) {
  (void)handle, (void)flags, (void)to_size;
  const uint8_t *message = bytes;
  const uint8_t type = message[242];
  const int has_address = message[12] != 0;
  const int is_broadcast = ((const struct sockaddr_in *)to)->sin_addr.s_addr == htonl(INADDR_BROADCAST);
  printf("%lld %s%s%s\n", clock_ms / 1000, type == DHCP_DISCOVER ? "discover" : "request", has_address ? " again" : "",
         is_broadcast ? " of all" : " of the server");
  serve(message, type, has_address);
  return (ssize_t)size;
}
ssize_t __wrap_recv(int handle, void *bytes, size_t size, int flags) {
  (void)handle, (void)flags;
  if (queued == 0) {
    errno = EAGAIN;
    return -1;
  }
  memcpy(bytes, queue[0], sizeof queue[0] < size ? sizeof queue[0] : size);
  memmove(queue[0], queue[1], sizeof queue - sizeof queue[0]);
  queued--;
  return sizeof queue[0];
}

int main(int count, char *arguments[]) {
  const struct interface outside = {.name = "eth0", .mac = {2, 0, 0, 0, 0, 1}};
  behaviour = count > 1 ? arguments[1] : "confirms";
  const long long end_ms = 1000LL * (count > 2 ? atol(arguments[2]) : 60);
  open_lease(&outside);
  while (clock_ms <= end_ms) {
    lease_step();
    if (queued > 0) continue;
    /* A client that is due at once, again and again, would keep the machine busy. */
    const long long due = lease_due();
    clock_ms = due > clock_ms ? due : clock_ms + 1;
  }
  return 0;
}
