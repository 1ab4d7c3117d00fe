#include "seccomp.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* What Node needs once it runs. Not among them: processes (threads only), other processes' memory, mounts, modules, namespaces, keys, clocks
   that are set, BPF, io_uring. `execve` is: the filter is there before the program is, and the image holds nothing that gains by it. */
static const uint16_t COMMON[] = {
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_preadv, SYS_lseek, SYS_close, SYS_close_range, SYS_dup, SYS_dup2, SYS_dup3,
    SYS_open, SYS_openat, SYS_stat, SYS_fstat, SYS_lstat, SYS_newfstatat, SYS_statx, SYS_access, SYS_faccessat, SYS_faccessat2,
    SYS_readlink, SYS_readlinkat, SYS_getdents64, SYS_getcwd, SYS_chdir, SYS_fcntl, SYS_ioctl, SYS_fadvise64,
    SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_brk, SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect, SYS_memfd_create,
    SYS_membarrier, SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_set_tid_address, SYS_arch_prctl, SYS_prctl,
    SYS_execve, SYS_exit, SYS_exit_group, SYS_restart_syscall,
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_tgkill,
    SYS_poll, SYS_ppoll, SYS_select, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2,
    SYS_eventfd2, SYS_pipe2, SYS_timerfd_create, SYS_timerfd_settime,
    SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_time, SYS_getrandom,
    SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_getparam, SYS_sched_getscheduler, SYS_getcpu,
    SYS_getpid, SYS_gettid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid, SYS_getresgid, SYS_getgroups,
    SYS_capget, SYS_uname, SYS_sysinfo, SYS_getrlimit, SYS_getrusage, SYS_prlimit64, SYS_times, SYS_umask,
    /* The pipe to the gate is a socket that exists. */
    SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_shutdown, SYS_getsockname, SYS_getpeername, SYS_getsockopt, SYS_setsockopt,
};

static const uint16_t GATE[] = {
    SYS_socketpair, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_connect, SYS_sendmmsg, SYS_recvmmsg, SYS_sendfile,
    SYS_kill, SYS_wait4, SYS_signalfd4, SYS_getpriority,
    SYS_pwrite64, SYS_pwritev, SYS_mkdir, SYS_mkdirat, SYS_rmdir, SYS_unlink, SYS_unlinkat, SYS_rename, SYS_renameat, SYS_renameat2,
    SYS_ftruncate, SYS_fsync, SYS_fdatasync, SYS_fchmod, SYS_fchmodat, SYS_utimensat, SYS_flock, SYS_statfs, SYS_fstatfs,
};

/* The kernel's interface, as it has been since Linux 3.5; a C library need not have its headers. [Linux, include/uapi/linux/seccomp.h, filter.h] */
struct instruction {
  uint16_t code;
  uint8_t if_true;
  uint8_t if_false;
  uint32_t value;
};
struct program {
  uint16_t length;
  const struct instruction *instructions;
};
enum { LOAD = 0x20, IF_EQUAL = 0x15, IF_BITS = 0x45, RETURN = 0x06 };
enum { CALL_NUMBER = 0, ARCHITECTURE = 4, FIRST_ARGUMENT = 16 };
#define X86_64 0xc000003eu
#define ALLOW 0x7fff0000u
#define NO_SUCH_CALL (0x00050000u | ENOSYS)
#define KILL 0x80000000u
#define MODE_FILTER 2
#define CLONE_THREAD_FLAG 0x00010000u

#define MAX_INSTRUCTIONS (2 * (sizeof COMMON + sizeof GATE) / sizeof *COMMON + 32)

struct filter {
  struct instruction instructions[MAX_INSTRUCTIONS];
  uint16_t length;
};

static void add(struct filter *filter, uint16_t code, uint8_t if_true, uint8_t if_false, uint32_t value) {
  filter->instructions[filter->length++] = (struct instruction){code, if_true, if_false, value};
}

static void allow(struct filter *filter, uint32_t call) {
  add(filter, IF_EQUAL, 0, 1, call);
  add(filter, RETURN, 0, 0, ALLOW);
}

/* Threads, and no processes. clone3 hides its flags in memory, so it is not there; C libraries then use clone. */
static void allow_threads(struct filter *filter) {
  add(filter, IF_EQUAL, 0, 4, SYS_clone);
  add(filter, LOAD, 0, 0, FIRST_ARGUMENT);
  add(filter, IF_BITS, 0, 1, CLONE_THREAD_FLAG);
  add(filter, RETURN, 0, 0, ALLOW);
  add(filter, RETURN, 0, 0, NO_SUCH_CALL);
}

/* Sockets of the internet and of this machine; no packets past the rules, and no talk with the kernel. */
static void allow_sockets(struct filter *filter) {
  add(filter, IF_EQUAL, 0, 6, SYS_socket);
  add(filter, LOAD, 0, 0, FIRST_ARGUMENT);
  add(filter, IF_EQUAL, 2, 0, AF_INET);
  add(filter, IF_EQUAL, 1, 0, AF_INET6);
  add(filter, IF_EQUAL, 0, 1, AF_UNIX);
  add(filter, RETURN, 0, 0, ALLOW);
  add(filter, RETURN, 0, 0, NO_SUCH_CALL);
}

int allow_only(enum call_list list) {
  struct filter filter = {.length = 0};
  /* The numbers mean other calls to programs of 32 bits. */
  add(&filter, LOAD, 0, 0, ARCHITECTURE);
  add(&filter, IF_EQUAL, 1, 0, X86_64);
  add(&filter, RETURN, 0, 0, KILL);
  add(&filter, LOAD, 0, 0, CALL_NUMBER);
  for (size_t i = 0; i < sizeof COMMON / sizeof *COMMON; i++) allow(&filter, COMMON[i]);
  for (size_t i = 0; list == GATE_CALLS && i < sizeof GATE / sizeof *GATE; i++) allow(&filter, GATE[i]);
  allow_threads(&filter);
  if (list == GATE_CALLS) allow_sockets(&filter);
  add(&filter, RETURN, 0, 0, NO_SUCH_CALL);
  const struct program program = {filter.length, filter.instructions};
  return prctl(PR_SET_SECCOMP, MODE_FILTER, &program, 0, 0);
}
