/* What the kernel is told to refuse from here on, to root too. Some of it cannot be taken back until the next start. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "init.h"
#include "say.h"

struct setting {
  const char *file;
  const char *value;
};

/* For every interface that comes up from now on: nobody on the wire says where packets go. */
static const struct setting NETWORK[] = {
    {"net/ipv4/conf/default/accept_redirects", "0"},
    {"net/ipv4/conf/default/secure_redirects", "0"},
    {"net/ipv4/conf/default/accept_source_route", "0"},
    {"net/ipv6/conf/default/accept_redirects", "0"},
};

/* Each is named for what it stops. All are there in the kernel of the image: one that is missing is another kernel. */
static const struct setting KERNEL[] = {
    {"kernel/modules_disabled", "1"},          /* no other code in the kernel */
    {"kernel/kexec_load_disabled", "1"},       /* no other kernel */
    {"kernel/yama/ptrace_scope", "3"},         /* nobody looks into another process, ever */
    {"kernel/unprivileged_bpf_disabled", "1"}, /* no programs in the kernel from users */
    {"kernel/io_uring_disabled", "2"},         /* system calls that a seccomp filter does not see */
    {"kernel/perf_event_paranoid", "3"},       /* no counters that see what others do */
    {"kernel/dmesg_restrict", "1"},            /* no addresses in messages */
    {"kernel/kptr_restrict", "2"},
    {"kernel/sysrq", "0"},                     /* no commands by key or serial break */
    {"kernel/core_pattern", "/dev/null/core"}, /* a path that no core file can have */
    {"fs/suid_dumpable", "0"},
    {"vm/unprivileged_userfaultfd", "0"},
    {"user/max_user_namespaces", "0"},         /* nobody is root anywhere else */
    {"dev/tty/ldisc_autoload", "0"},
};

static void set(const char *name, const char *value) {
  char path[96] = "/proc/sys/";
  strncat(path, name, sizeof path - strlen(path) - 1);
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0 || write(file, value, strlen(value)) < 0) give_up("cannot set %s (%d)", name, errno);
  close(file);
}

void harden_network(void) {
  /* An interface counts redirects as wanted when this says so, whatever it says itself. */
  set("net/ipv4/conf/all/accept_redirects", "0");
  for (size_t i = 0; i < sizeof NETWORK / sizeof *NETWORK; i++) set(NETWORK[i].file, NETWORK[i].value);
}

void harden_kernel(void) {
  for (size_t i = 0; i < sizeof KERNEL / sizeof *KERNEL; i++) set(KERNEL[i].file, KERNEL[i].value);
}

/* [AMD64 APM 3, CPUID Fn0000_0001_ECX] */
static int has_rdrand(void) {
  unsigned int eax = 1, ebx, ecx = 0, edx;
  __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  return (ecx >> 30) & 1;
}

void await_entropy(void) {
  /* Everything else that could seed the kernel (interrupts, devices) is the host's. */
  if (!has_rdrand()) give_up("this processor has no RDRAND: every key would be the host's guess");
  char byte;
  /* Waits until the kernel's generator is seeded. [getrandom(2)] */
  if (getrandom(&byte, 1, 0) != 1) give_up("the kernel gives no randomness (%d)", errno);
}
