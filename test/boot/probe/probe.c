/* Takes the place of /bin/node in a machine under test, and says on the serial line what its user can do. Init starts it as the gate; it then has
   init start it again as a function process, which is held by exactly what holds a function, and tries everything that would reach somebody.
   Each line is `probe: USER: WHAT: ERRNO`, 0 for what worked. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define GATE_ID 990
#define PIPE_FD 3
#define LAUNCH_SOCKET "/run/anchorhold/launch.sock"
/* The host, as QEMU's user network has it; the port of a listener is put into this file by the test. */
#define HOST_ADDRESS "10.0.2.2"
#define PORT_FILE "/etc/anchorhold/probe.port"

static const char *user;
static int output;

static void report(const char *what, int error) {
  char line[128];
  const int length = snprintf(line, sizeof line, "probe: %s: %s: %d\r\n", user, what, error);
  if (length > 0 && write(output, line, (size_t)length) < 0) _exit(3);
}

static void tried(const char *what, long result) { report(what, result < 0 ? errno : 0); }

static void try_socket(const char *what, int family, int type, int protocol) {
  const int handle = socket(family, type, protocol);
  tried(what, handle);
  if (handle >= 0) close(handle);
}

static void try_open(const char *path, int flags) {
  const int handle = open(path, flags | O_CLOEXEC);
  tried(path, handle);
  if (handle >= 0) close(handle);
}

static void try_connect(void) {
  unsigned port = 0;
  FILE *file = fopen(PORT_FILE, "re");
  if (file == NULL || fscanf(file, "%u", &port) != 1) _exit(4);
  fclose(file);
  struct sockaddr_in host = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, HOST_ADDRESS, &host.sin_addr);
  const int handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  tried("connect to the host", handle < 0 ? -1 : connect(handle, (const struct sockaddr *)&host, sizeof host));
  if (handle >= 0) close(handle);
}

static void try_sockets(void) {
  try_socket("socket tcp", AF_INET, SOCK_STREAM, 0);
  try_socket("socket udp", AF_INET, SOCK_DGRAM, 0);
  try_socket("socket tcp6", AF_INET6, SOCK_STREAM, 0);
  try_socket("socket raw", AF_INET, SOCK_RAW, 255);
  try_socket("socket packet", AF_PACKET, SOCK_RAW, 0);
  try_socket("socket netlink", AF_NETLINK, SOCK_RAW, 0);
  try_socket("socket vsock", 40, SOCK_STREAM, 0);
  try_socket("socket unix", AF_UNIX, SOCK_STREAM, 0);
}

/* Each user tries a name of its own: what one has made, the other may not open for that reason alone. */
static void try_create(const char *folder) {
  char path[64];
  char what[64];
  snprintf(path, sizeof path, "%s/%s", folder, user);
  snprintf(what, sizeof what, "%s/new", folder);
  const int handle = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  tried(what, handle);
  if (handle >= 0) close(handle);
}

static void try_files(void) {
  try_open("/run/anchorhold/config", O_RDONLY);
  try_open("/dev/vda", O_RDONLY);
  try_open("/dev/mem", O_RDONLY);
  try_open("/dev/kmsg", O_RDONLY);
  try_open("/dev/ttyS0", O_WRONLY);
  try_open("/proc/1/mem", O_RDONLY);
  try_open("/proc/1/status", O_RDONLY);
  try_open("/sys/kernel/config/tsm/report/anchorhold/inblob", O_WRONLY);
  try_open("/sys/kernel/config/tsm/report/anchorhold/outblob", O_RDONLY);
  try_open("/sys/fs/cgroup/cgroup.procs", O_WRONLY);
  try_open("/proc/sys/kernel/core_pattern", O_WRONLY);
  try_create("/tmp");
  try_create("/run");
  try_create("/dev");
  try_create("");
  try_open("/bin/node", O_WRONLY);
}

static void try_calls(void) {
  tried("kill init", kill(1, 0));
  tried("kill all", kill(-1, 0));
  tried("fork", syscall(SYS_fork));
  tried("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
  tried("read another process", syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0));
  tried("become root", syscall(SYS_setuid, 0));
  tried("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
  tried("namespace", syscall(SYS_unshare, 0x10000000));
  tried("module", syscall(SYS_finit_module, 0, "", 0));
  tried("bpf", syscall(SYS_bpf, 0, NULL, 0));
  tried("io_uring", syscall(SYS_io_uring_setup, 1, NULL));
  tried("perf", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
  tried("key", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
  tried("clock", syscall(SYS_settimeofday, NULL, NULL));
  tried("power off", reboot(RB_POWER_OFF));
}

/* What the kernel says of this process: no way to gain a right, no right, and the filter. */
static void show_status(void) {
  static const char *const NAMES[] = {"NoNewPrivs", "CapEff", "CapPrm", "CapBnd", "Seccomp"};
  char line[256];
  FILE *file = fopen("/proc/self/status", "re");
  if (file == NULL) _exit(5);
  while (fgets(line, sizeof line, file) != NULL)
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
      unsigned long long value;
      char name[32];
      if (sscanf(line, "%31[^:]:\t%llx", name, &value) == 2 && strcmp(name, NAMES[i]) == 0) report(name, (int)value);
    }
  fclose(file);
}

static void try_all(void) {
  show_status();
  try_sockets();
  try_connect();
  try_files();
  try_calls();
}

/* Has init start this program as a function process, and hands on what it says. */
static void start_function(void) {
  static const uint8_t REQUEST[] = {0, 0, 0, 3 + 4 + 1 + 6, 1, 0, 0, 0, 0, 0, 64, 0, 'p', 'r', 'o', 'b', 'e', 0};
  const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = LAUNCH_SOCKET};
  const int handle = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (handle < 0 || connect(handle, (const struct sockaddr *)&address, sizeof address) != 0) {
    tried("launcher", -1);
    return;
  }
  if (write(handle, REQUEST, sizeof REQUEST) != sizeof REQUEST) return;
  char bytes[512];
  for (;;) {
    const ssize_t count = read(handle, bytes, sizeof bytes);
    if (count <= 0) return;
    if (write(output, bytes, (size_t)count) < 0) return;
  }
}

int main(void) {
  const int is_gate = getuid() == GATE_ID;
  user = is_gate ? "gate" : "function";
  output = is_gate ? STDOUT_FILENO : PIPE_FD;
  try_all();
  if (!is_gate) return 0;
  start_function();
  report("end", 0);
  for (;;) poll(NULL, 0, -1);
}
