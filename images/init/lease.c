#include "lease.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "init.h"
#include "say.h"

#define CLIENT_PORT 68
#define SERVER_PORT 67
#define BOOT_WAIT_MS 60000
#define LONGEST_PAUSE_MS 16000
#define RENEW_PAUSE_MS 60000
/* Requests for an offer that nobody confirms, before another one is asked for. */
#define REQUESTS 4

static enum { SELECTING, REQUESTING, BOUND } state = SELECTING;
static struct interface interface;
static struct dhcp_client client;
static struct lease lease;
static int handle = -1;
static int tries;
static long long due_ms;
static long long expiry_ms;

static void send_message(enum dhcp_type type, uint32_t to) {
  uint8_t message[DHCP_BYTES];
  const size_t size = dhcp_write(message, type, &client, &lease, state == BOUND);
  const struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(SERVER_PORT), .sin_addr.s_addr = htonl(to)};
  /* One that is lost is sent again; so is one that could not be sent. */
  (void)sendto(handle, message, size, 0, (const struct sockaddr *)&server, sizeof server);
}

static void select_server(void) {
  state = SELECTING;
  tries = 0;
  /* A new number for each conversation: who cannot see ours cannot answer. */
  if (getrandom(&client.xid, sizeof client.xid, 0) != sizeof client.xid) give_up("the kernel gives no randomness (%d)", errno);
  due_ms = now_ms();
}

static long long pause_ms(void) {
  const long long pause = 500LL << (tries < 6 ? tries : 6);
  return pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS;
}

static void bind_lease(const struct lease *given) {
  const int is_new = state != BOUND || memcmp(given, &lease, sizeof lease) != 0;
  lease = *given;
  state = BOUND;
  tries = 0;
  expiry_ms = now_ms() + lease.seconds * 1000LL;
  due_ms = now_ms() + lease.seconds * 500LL;
  if (is_new) apply_lease(&interface, &lease);
}

static void take(enum dhcp_type type, const struct lease *given) {
  if (type == DHCP_OFFER && state == SELECTING) {
    lease = *given;
    state = REQUESTING;
    tries = 0;
    due_ms = now_ms();
  } else if (type == DHCP_ACK && (state == BOUND || (state == REQUESTING && given->address == lease.address))) {
    bind_lease(given);
  } else if (type == DHCP_NAK && state != SELECTING) {
    if (state == BOUND) apply_lease(&interface, NULL);
    select_server();
  }
}

/* Renews with the server that gave the lease, and in its last eighth with any. */
static void renew(long long now) {
  const long long left = expiry_ms - now;
  if (left <= 0) {
    say("the address was not renewed");
    apply_lease(&interface, NULL);
    select_server();
    return;
  }
  send_message(DHCP_REQUEST, left < lease.seconds * 125LL ? INADDR_BROADCAST : lease.server);
  due_ms = now + (left / 2 > RENEW_PAUSE_MS ? left / 2 : left < RENEW_PAUSE_MS ? left : RENEW_PAUSE_MS);
}

void lease_step(void) {
  uint8_t message[DHCP_BYTES];
  struct lease given;
  /* As many as came at once, and no more: who floods this port must not keep init from its other work. */
  for (int i = 0; i < 16; i++) {
    const ssize_t size = recv(handle, message, sizeof message, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0) break;
    const enum dhcp_type type = dhcp_read(message, (size_t)size, &client, &given);
    if (type != DHCP_NONE) take(type, &given);
  }
  const long long now = now_ms();
  if (now < due_ms) return;
  if (state == BOUND) return renew(now);
  if (state == REQUESTING && tries == REQUESTS) select_server();
  due_ms = now + pause_ms();
  tries++;
  send_message(state == SELECTING ? DHCP_DISCOVER : DHCP_REQUEST, INADDR_BROADCAST);
}

long long lease_due(void) { return due_ms; }

int open_lease(const struct interface *outside) {
  const int yes = 1;
  const struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(CLIENT_PORT)};
  interface = *outside;
  memcpy(client.mac, outside->mac, sizeof client.mac);
  handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (handle < 0 || setsockopt(handle, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes) != 0 ||
      setsockopt(handle, SOL_SOCKET, SO_BINDTODEVICE, interface.name, (socklen_t)strlen(interface.name)) != 0 ||
      bind(handle, (const struct sockaddr *)&here, sizeof here) != 0)
    give_up("cannot ask for an address (%d)", errno);
  select_server();
  return handle;
}

void await_lease(void) {
  for (const long long late = now_ms() + BOOT_WAIT_MS; state != BOUND;) {
    struct pollfd event = {.fd = handle, .events = POLLIN};
    const long long wait = lease_due() - now_ms();
    poll(&event, 1, wait < 0 ? 0 : (int)wait);
    lease_step();
    if (now_ms() > late) give_up("no DHCP server gave an address");
  }
}
