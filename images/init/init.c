/* PID 1 of the image: the order of the boot, and who is looked after then. Everything before the gate happens or the machine powers off;
   there is no shell, no login and no other way in. What each step does is in the file that init.h names. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "debug.h"
#include "init.h"
#include "launch.h"
#include "lease.h"
#include "say.h"

/* A gate that crashes is started again after a pause; one that keeps crashing is no gate. */
#define PAUSE_MS 1000
#define CRASHES 5
/* Longer than five starts take on a slow machine. */
#define CRASH_WINDOW_MS 600000

/* The gate crashed: killed by a signal, or by an error that nobody expected, for which Node has the code 1. With any other code it said itself
   that it will not run: its configuration, policies or device are not as they must be, and will not be the next time. */
static int has_crashed(int status) { return WIFSIGNALED(status) || WEXITSTATUS(status) == 1; }

static void note_crash(void) {
  static long long times[CRASHES];
  static unsigned next;
  const long long now = now_ms();
  times[next++ % CRASHES] = now;
  /* The next place holds the oldest of the last five. */
  if (next >= CRASHES && now - times[next % CRASHES] < CRASH_WINDOW_MS) give_up("the gate keeps crashing");
}

static pid_t gate = -1;
static long long restart_ms;

static void begin_gate(void) {
  make_gate_group();
  gate = start_gate();
  set_launch_owner(gate);
}

static void end_gate(int status) {
  if (!has_crashed(status)) give_up("the gate ended with exit code %d", WEXITSTATUS(status));
  say("the gate crashed (%s %d)", WIFSIGNALED(status) ? "signal" : "exit code", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  note_crash();
  gate = -1;
  set_launch_owner(-1);
  /* The next gate knows nothing of these, and they may hold what the last one was asked. */
  launch_kill_all();
  restart_ms = now_ms() + PAUSE_MS;
}

/* Takes the ends of all processes, also of those whose parents died. */
static void reap(void) {
  for (;;) {
    int status = 0;
    const pid_t child = waitpid(-1, &status, WNOHANG);
    if (child <= 0) return;
    if (child == gate) end_gate(status);
    else if (!launch_ended(child)) debug_ended(child);
  }
}

/* How long nothing needs to be done, in milliseconds. */
static int idle_ms(void) {
  long long due = lease_due();
  if (gate < 0 && !launch_is_busy() && restart_ms < due) due = restart_ms;
  const long long left = due - now_ms();
  return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static void supervise(int signals, int network) {
  static struct pollfd events[2 + LAUNCH_EVENTS];
  for (;;) {
    events[0] = (struct pollfd){.fd = signals, .events = POLLIN};
    events[1] = (struct pollfd){.fd = network, .events = POLLIN};
    const int count = 2 + launch_events(events + 2);
    if (poll(events, (nfds_t)count, idle_ms()) < 0 && errno != EINTR) give_up("cannot wait (%d)", errno);
    launch_step(events + 2);
    if (events[0].revents != 0) {
      struct signalfd_siginfo ignored;
      while (read(signals, &ignored, sizeof ignored) > 0) {
      }
      reap();
    }
    lease_step();
    if (gate < 0 && !launch_is_busy() && now_ms() >= restart_ms) begin_gate();
  }
}

/* Without a console the kernel opens nothing for PID 1, and what is opened first would be somebody's standard input or output. */
static void fill_standard_descriptors(void) {
  int handle;
  do handle = open("/dev/null", O_RDWR);
  while (handle >= 0 && handle <= STDERR_FILENO);
  if (handle < 0) give_up("cannot open /dev/null (%d)", errno);
  close(handle);
}

int main(void) {
  if (getpid() != 1) return 2;
  fill_standard_descriptors();
  sigset_t child_ended;
  sigemptyset(&child_ended);
  sigaddset(&child_ended, SIGCHLD);
  umask(022);

  mount_all();
  /* The three-finger salute would otherwise restart the machine at once. */
  reboot(RB_DISABLE_CAD);
  harden_network();
  load_modules();
  mount_configfs();
  harden_kernel();
  await_entropy();
  load_packet_rules();
  struct interface outside;
  bring_up(&outside);
  const int network = open_lease(&outside);
  await_lease();
  make_report_entry();
  find_configuration();
  open_launcher();

  sigprocmask(SIG_BLOCK, &child_ended, NULL);
  const int signals = signalfd(-1, &child_ended, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) give_up("no signals (%d)", errno);
  begin_gate();
  debug_begin();
  supervise(signals, network);
}
