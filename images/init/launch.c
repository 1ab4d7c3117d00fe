#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "confinement.h"
#include "paths.h"
#include "say.h"

/* A request is `u32 length`, then so many bytes: `u8 kind, u16 slot`, and to start a process `u32 MiB` and texts that end with a zero byte: the
   folder of its control group, or nothing, and the arguments of node. Numbers are big-endian.
   START: this connection becomes the process's descriptor 3, and the rest of what the gate sends on it is the process's to read.
   WATCH: answered with the process's number, u32. When the process is gone the connection is closed; when the gate hangs up, it is killed. */
enum { START = 1, WATCH = 2 };
#define HEAD_BYTES 3
#define REQUEST_BYTES 8192
#define MAX_ARGUMENTS 64
#define PIPE_FD 3
/* One that asks, and one that watches, for each process. */
#define CONNECTIONS (2 * SLOTS)

struct connection {
  int handle;
  /* The slot that is watched; -1 while the request is read. */
  int slot;
  /* The gate has hung up; what is left is to wait for the end of the process. */
  int is_over;
  uint32_t have;
  /* Length and request, as far as they are there. */
  uint8_t bytes[4 + REQUEST_BYTES];
};

static int listener = -1;
static pid_t owner = -1;
/* In the order in which they came: a process is started before the gate's question for it is read. */
static struct connection *connections[CONNECTIONS];
static int connection_count;
static pid_t children[SLOTS];

static uint32_t read_number(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

void open_launcher(void) {
  const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = LAUNCH_SOCKET};
  listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  unlink(LAUNCH_SOCKET);
  if (listener < 0 || bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 || chmod(LAUNCH_SOCKET, 0600) != 0 ||
      chown(LAUNCH_SOCKET, GATE_ID, GATE_ID) != 0 || listen(listener, 64) != 0)
    give_up("cannot open %s (%d)", LAUNCH_SOCKET, errno);
}

void set_launch_owner(pid_t gate) { owner = gate; }

static void close_connection(struct connection *connection) {
  close(connection->handle);
  connection->handle = -1;
}

/* Forgets the closed ones; the others keep their order. */
static void sweep(void) {
  int kept = 0;
  for (int i = 0; i < connection_count; i++) {
    if (connections[i]->handle < 0) free(connections[i]);
    else connections[kept++] = connections[i];
  }
  connection_count = kept;
}

/* A group below the gate's, by one plain name: as root, init could put a process anywhere. */
static int is_group(const char *folder) {
  static const char above[] = GATE_CGROUP "/function-";
  if (*folder == 0) return 1;
  if (strncmp(folder, above, sizeof above - 1) != 0) return 0;
  const char *name = folder + sizeof above - 1;
  const size_t length = strlen(name);
  return length > 0 && length <= 64 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

/* When memory is short, the kernel ends a function before the gate. */
static int offer_to_be_killed(void) {
  const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return -1;
  const ssize_t written = write(file, "500", 3);
  close(file);
  return written == 3 ? 0 : -1;
}

static int become_function(int pipe, int slot, uint32_t data_mib, const char *group) {
  sigset_t none;
  sigemptyset(&none);
  if (place(pipe, PIPE_FD) != 0) return -1;
  const int nothing = open("/dev/null", O_RDWR);
  if (nothing < 0) return -1;
  /* What it writes would be what it was asked, and the serial line is the host's. */
  for (int fd = 0; fd < PIPE_FD; fd++)
    if (place(nothing, fd) != 0) return -1;
  if (syscall(SYS_close_range, PIPE_FD + 1, ~0u, 0) != 0) return -1;
  if (sigprocmask(SIG_SETMASK, &none, NULL) != 0 || chdir("/") != 0 || setsid() < 0 || offer_to_be_killed() != 0) return -1;
  if (join_group(group) != 0 || limit_memory((unsigned long long)data_mib << 20) != 0) return -1;
  if (become((uid_t)(FIRST_FUNCTION_ID + slot)) != 0 || drop_capabilities() != 0) return -1;
  return allow_only(FUNCTION_CALLS);
}

/* Takes the texts of a request apart; gives the arguments of node, or 0 when they are none. */
static int split(char *at, const char *end, const char **group, char *arguments[MAX_ARGUMENTS + 2]) {
  int count = 0;
  if (at >= end || end[-1] != 0) return 0;
  *group = at;
  arguments[count++] = NODE;
  for (at += strlen(at) + 1; at < end; at += strlen(at) + 1) {
    if (count > MAX_ARGUMENTS) return 0;
    arguments[count++] = at;
  }
  arguments[count] = NULL;
  return count > 1;
}

static void start(const struct connection *connection, int slot, uint8_t *bytes, uint32_t length) {
  char *arguments[MAX_ARGUMENTS + 2];
  const char *group = "";
  if (slot >= SLOTS || children[slot] != 0 || length < 5) return;
  const uint32_t data_mib = read_number(bytes);
  if (data_mib == 0 || data_mib > 1u << 20) return;
  if (!split((char *)bytes + 4, (const char *)bytes + length, &group, arguments) || !is_group(group)) return;
  const pid_t child = fork();
  if (child == 0) {
    if (become_function(connection->handle, slot, data_mib, group) == 0) run_program(NODE, arguments);
    _exit(126);
  }
  if (child > 0) children[slot] = child;
}

/* Answers a watcher; 0 when there is nobody to watch. */
static int watch(struct connection *connection, int slot) {
  if (slot >= SLOTS || children[slot] == 0) return 0;
  const uint32_t pid = (uint32_t)children[slot];
  const uint8_t answer[4] = {(uint8_t)(pid >> 24), (uint8_t)(pid >> 16), (uint8_t)(pid >> 8), (uint8_t)pid};
  if (write(connection->handle, answer, sizeof answer) != sizeof answer) return 0;
  connection->slot = slot;
  return 1;
}

/* Answers a whole request; 0 when the connection is done with. */
static int answer(struct connection *connection) {
  const uint32_t length = read_number(connection->bytes);
  uint8_t *request = connection->bytes + 4;
  const int slot = request[1] << 8 | request[2];
  if (request[0] == WATCH && length == HEAD_BYTES) return watch(connection, slot);
  if (request[0] == START) start(connection, slot, request + HEAD_BYTES, length - HEAD_BYTES);
  return 0;
}

/* Reads no more than the request: what follows it is not for init. Gives 0 when the connection is done with. */
static int take(struct connection *connection) {
  for (;;) {
    const uint32_t length = connection->have < 4 ? 0 : read_number(connection->bytes);
    if (connection->have >= 4 && (length < HEAD_BYTES || length > REQUEST_BYTES)) return 0;
    const uint32_t want = 4 + length;
    if (connection->have == want && length > 0) return answer(connection);
    const ssize_t count = recv(connection->handle, connection->bytes + connection->have, want - connection->have, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 1;
    if (count <= 0) return 0;
    connection->have += (uint32_t)count;
  }
}

static void welcome(void) {
  for (;;) {
    const int handle = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (handle < 0) return;
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    struct connection *connection = connection_count < CONNECTIONS ? malloc(sizeof *connection) : NULL;
    if (connection == NULL || getsockopt(handle, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid != owner || peer.uid != GATE_ID) {
      free(connection);
      close(handle);
      continue;
    }
    connection->handle = handle;
    connection->slot = -1;
    connection->is_over = 0;
    connection->have = 0;
    connections[connection_count++] = connection;
  }
}

int launch_events(struct pollfd *events) {
  events[0] = (struct pollfd){.fd = listener, .events = POLLIN};
  for (int i = 0; i < connection_count; i++) {
    const struct connection *connection = connections[i];
    events[i + 1] = (struct pollfd){.fd = connection->is_over ? -1 : connection->handle, .events = POLLIN};
  }
  return connection_count + 1;
}

void launch_step(const struct pollfd *events) {
  const int known = connection_count;
  for (int i = 0; i < known; i++) {
    struct connection *connection = connections[i];
    if (events[i + 1].revents == 0) continue;
    if (connection->slot < 0) {
      if (!take(connection)) close_connection(connection);
    } else {
      /* A watcher has nothing more to say: this is the gate hanging up. */
      connection->is_over = 1;
      if (children[connection->slot] > 0) kill(children[connection->slot], SIGKILL);
    }
  }
  if (events[0].revents != 0) welcome();
  sweep();
}

int launch_ended(pid_t child) {
  for (int slot = 0; slot < SLOTS; slot++) {
    if (children[slot] != child) continue;
    children[slot] = 0;
    for (int i = 0; i < connection_count; i++)
      if (connections[i]->slot == slot) close_connection(connections[i]);
    sweep();
    return 1;
  }
  return 0;
}

void launch_kill_all(void) {
  for (int slot = 0; slot < SLOTS; slot++)
    if (children[slot] != 0) kill(children[slot], SIGKILL);
}

int launch_is_busy(void) {
  for (int slot = 0; slot < SLOTS; slot++)
    if (children[slot] != 0) return 1;
  return 0;
}
