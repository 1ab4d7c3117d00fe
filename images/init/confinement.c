#include "confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int join_group(const char *folder) {
  char path[512];
  if (*folder == 0) return 0;
  const int length = snprintf(path, sizeof path, "%s/cgroup.procs", folder);
  if (length < 0 || (size_t)length >= sizeof path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  const int group = open(path, O_WRONLY | O_CLOEXEC);
  if (group < 0) return -1;
  /* 0 is whoever writes it. */
  const ssize_t written = write(group, "0", 1);
  close(group);
  return written == 1 ? 0 : -1;
}

int limit_memory(unsigned long long data_bytes) {
  const struct rlimit none = {0, 0};
  const struct rlimit data = {data_bytes, data_bytes};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return -1;
  return data_bytes == 0 ? 0 : setrlimit(RLIMIT_DATA, &data);
}

/* Gives whether no capability can be gained by a program from now on; takes the right to change that. */
static int empty_bounding_set(void) {
  unsigned long capability = 0;
  while (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) capability++;
  /* The kernel knows no capability of that number. */
  return errno == EINVAL;
}

int become(uid_t id) {
  if (!empty_bounding_set()) return -1;
  if (setgroups(0, NULL) != 0 || setresgid(id, id, id) != 0) return -1;
  return setresuid(id, id, id);
}

int place(int descriptor, int number) {
  /* dup2 onto itself does nothing, and would leave it to be closed when the program starts. */
  if (descriptor == number) return fcntl(descriptor, F_SETFD, 0);
  return dup2(descriptor, number) < 0 ? -1 : 0;
}

int drop_capabilities(void) {
  /* [capset(2)], version 3. */
  struct {
    uint32_t version;
    int pid;
  } header = {0x20080522, 0};
  const struct {
    uint32_t effective, permitted, inheritable;
  } none[2] = {{0, 0, 0}, {0, 0, 0}};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  /* Who may not empty it gains nothing from it either: no_new_privs stands before it. */
  empty_bounding_set();
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return -1;
  return (int)syscall(SYS_capset, &header, none);
}

void run_program(const char *path, char *const arguments[]) {
  char *const environment[] = {NULL};
  execve(path, arguments, environment);
}
