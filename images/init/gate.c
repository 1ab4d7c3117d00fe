/* The worker's process, which is the gate: a user of its own, with nothing in its environment and no right to more. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "confinement.h"
#include "init.h"
#include "paths.h"
#include "say.h"

/* Each connection of a client and each way out is a descriptor. */
#define DESCRIPTORS 16384

/* No signal starts a debugger in it. It reads the authorities shipped with Node where it is told to trust them, not at each start. Garbage of a
   short query is not worth collecting, and helpers for it are waited for while functions keep the processors busy. */
static char *const ARGUMENTS[] = {NODE, "--disable-sigusr1", "--use-openssl-ca", "--min-semi-space-size=16",
                                  "--single-threaded-gc", WORKER, NULL};

static int become_gate(void) {
  const struct rlimit descriptors = {DESCRIPTORS, DESCRIPTORS};
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  const int line = serial_line() < 0 ? nothing : serial_line();
  sigset_t none;
  sigemptyset(&none);
  if (nothing < 0 || place(nothing, 0) != 0 || place(line, 1) != 0 || place(line, 2) != 0) return -1;
  if (sigprocmask(SIG_SETMASK, &none, NULL) != 0 || chdir("/") != 0 || setsid() < 0) return -1;
  if (join_group(GATE_CGROUP) != 0 || setrlimit(RLIMIT_NOFILE, &descriptors) != 0 || limit_memory(0) != 0) return -1;
  if (become(GATE_ID) != 0 || drop_capabilities() != 0) return -1;
  return allow_only(GATE_CALLS);
}

pid_t start_gate(void) {
  const pid_t child = fork();
  if (child < 0) give_up("no process for the gate (%d)", errno);
  if (child == 0) {
    if (become_gate() == 0) run_program(NODE, ARGUMENTS);
    say("the gate cannot be started (%d)", errno);
    _exit(126);
  }
  return child;
}
