/* The launcher of the image by itself, as root outside of an image: listens at the place that it was compiled for, for the process that started
   it, until that one ends. */
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch.h"
#include "say.h"

void give_up(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vfprintf(stderr, format, values);
  va_end(values);
  exit(1);
}

int main(void) {
  sigset_t ended;
  sigemptyset(&ended);
  sigaddset(&ended, SIGCHLD);
  sigprocmask(SIG_BLOCK, &ended, NULL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int signals = signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK);
  open_launcher();
  set_launch_owner(getppid());
  puts("ready");
  fflush(stdout);
  for (;;) {
    static struct pollfd events[1 + LAUNCH_EVENTS];
    events[0] = (struct pollfd){.fd = signals, .events = POLLIN};
    const int count = 1 + launch_events(events + 1);
    poll(events, (nfds_t)count, -1);
    launch_step(events + 1);
    struct signalfd_siginfo ignored;
    while (read(signals, &ignored, sizeof ignored) > 0) {
    }
    for (pid_t child; (child = waitpid(-1, NULL, WNOHANG)) > 0;) launch_ended(child);
  }
}
