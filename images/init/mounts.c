/* The kernel's own file systems, and two in memory that nothing can be run from. */
#include <errno.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "init.h"
#include "paths.h"
#include "say.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

static void mount_one(const char *type, const char *path, unsigned long flags, const char *options) {
  /* Folders that sysfs offers exist already, and nobody can make others there. */
  mkdir(path, 0755);
  if (mount(type, path, type, flags, options) != 0) give_up("cannot mount %s on %s (%d)", type, path, errno);
}

static void make_folder(const char *path) {
  if (mkdir(path, 0755) != 0 && errno != EEXIST) give_up("cannot make %s (%d)", path, errno);
}

void mount_all(void) {
  /* The kernel makes its first root a folder like /tmp, in which every user may write. */
  if (chmod("/", 0755) != 0) give_up("cannot close the root folder (%d)", errno);
  const unsigned long bare = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  mount_one("devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=0755");
  /* A process sees itself and no other one; the gate sees those that it had started, to count their processor time. */
  mount_one("proc", "/proc", bare, "hidepid=2,gid=" TEXT(GATE_ID));
  mount_one("sysfs", "/sys", bare | MS_RDONLY, NULL);
  mount_one("securityfs", "/sys/kernel/security", bare | MS_RDONLY, NULL);
  mount_one("cgroup2", CGROUP_ROOT, bare, NULL);
  mount_one("tmpfs", "/run", bare, "mode=0755,size=16m");
  mount_one("tmpfs", "/tmp", bare, "mode=0700,size=16m,uid=" TEXT(GATE_ID) ",gid=" TEXT(GATE_ID));
  make_folder(RUN_FOLDER);
}

void mount_configfs(void) { mount_one("configfs", "/sys/kernel/config", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL); }
