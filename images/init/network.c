#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "init.h"
#include "paths.h"
#include "say.h"

#define INTERFACE_WAIT_MS 10000

static int control_socket(void) {
  static int handle = -1;
  if (handle < 0) handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (handle < 0) give_up("there is no network (%d)", errno);
  return handle;
}

static void set_up(const char *name) {
  struct ifreq request = {0};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  if (ioctl(control_socket(), SIOCGIFFLAGS, &request) != 0) give_up("cannot look at %s (%d)", name, errno);
  request.ifr_flags |= IFF_UP;
  if (ioctl(control_socket(), SIOCSIFFLAGS, &request) != 0) give_up("cannot take %s up (%d)", name, errno);
}

/* Finds the first Ethernet interface; 0 when there is none. */
static int find_interface(struct interface *outside) {
  struct if_nameindex *names = if_nameindex();
  if (names == NULL) return 0;
  int found = 0;
  for (struct if_nameindex *each = names; !found && each->if_index != 0; each++) {
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", each->if_name);
    if (ioctl(control_socket(), SIOCGIFHWADDR, &request) != 0 || request.ifr_hwaddr.sa_family != ARPHRD_ETHER) continue;
    snprintf(outside->name, sizeof outside->name, "%s", each->if_name);
    memcpy(outside->mac, request.ifr_hwaddr.sa_data, sizeof outside->mac);
    found = 1;
  }
  if_freenameindex(names);
  return found;
}

void bring_up(struct interface *outside) {
  const struct timespec pause = {.tv_nsec = 20000000};
  set_up("lo");
  for (const long long late = now_ms() + INTERFACE_WAIT_MS; !find_interface(outside); nanosleep(&pause, NULL))
    if (now_ms() > late) give_up("there is no network interface");
  set_up(outside->name);
}

static struct sockaddr address_of(uint32_t address) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
  struct sockaddr out;
  memcpy(&out, &in, sizeof out);
  return out;
}

static void set_address(const struct interface *outside, int what, uint32_t address) {
  struct ifreq request = {0};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", outside->name);
  request.ifr_addr = address_of(address);
  if (ioctl(control_socket(), what, &request) != 0) say("the kernel refused an address (%d)", errno);
}

static void add_route(const struct interface *outside, uint32_t to, uint32_t mask, uint32_t router) {
  struct rtentry route = {
      .rt_dst = address_of(to),
      .rt_genmask = address_of(mask),
      .rt_gateway = address_of(router),
      .rt_flags = (short)(RTF_UP | (router == 0 ? RTF_HOST : RTF_GATEWAY)),
      .rt_dev = (char *)outside->name,
  };
  if (ioctl(control_socket(), SIOCADDRT, &route) != 0 && errno != EEXIST) say("the kernel refused a route (%d)", errno);
}

/* Writes the file aside and puts it in place whole: the worker may read it at any moment. */
static void write_name_servers(const struct lease *lease) {
  static const char aside[] = RESOLVER_FILE ".new";
  FILE *file = fopen(aside, "we");
  if (file == NULL) give_up("cannot write %s (%d)", RESOLVER_FILE, errno);
  for (unsigned i = 0; i < lease->dns_count; i++) {
    const uint32_t a = lease->dns[i];
    fprintf(file, "nameserver %u.%u.%u.%u\n", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
  }
  if (fclose(file) != 0 || rename(aside, RESOLVER_FILE) != 0) give_up("cannot write %s (%d)", RESOLVER_FILE, errno);
}

void apply_lease(const struct interface *outside, const struct lease *lease) {
  set_address(outside, SIOCSIFADDR, lease == NULL ? 0 : lease->address);
  if (lease == NULL) return;
  set_address(outside, SIOCSIFNETMASK, lease->mask);
  if (lease->router != 0) {
    /* Some clouds give an address without neighbours, and a router outside of its network. */
    add_route(outside, lease->router, 0xffffffff, 0);
    add_route(outside, 0, 0, lease->router);
  }
  write_name_servers(lease);
}
