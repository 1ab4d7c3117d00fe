/* What root makes for the gate's user, who has no right to: the entry of the report device, the disk with the configuration, a control group. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "init.h"
#include "paths.h"
#include "say.h"

static const char CONFIG_MAGIC[8] = {'A', 'H', 'C', 'O', 'N', 'F', 'I', 'G'};
/* Disks may turn up after their driver. */
#define DISK_WAIT_MS 10000

static void give(const char *path) {
  if (chown(path, GATE_ID, GATE_ID) != 0) give_up("cannot give %s to the gate (%d)", path, errno);
}

/* Linux, Documentation/ABI/testing/configfs-tsm-report. */
void make_report_entry(void) {
  if (mkdir(TSM_ENTRY, 0700) != 0) {
    /* Without SEV-SNP. The worker finds no device, says so, and does not start. */
    say("no report device (%d)", errno);
    return;
  }
  give(TSM_ENTRY);
  DIR *folder = opendir(TSM_ENTRY);
  if (folder == NULL) give_up("cannot read %s (%d)", TSM_ENTRY, errno);
  for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
    if (entry->d_name[0] != '.' && fchownat(dirfd(folder), entry->d_name, GATE_ID, GATE_ID, AT_SYMLINK_NOFOLLOW) != 0)
      give_up("cannot give the report device to the gate (%d)", errno);
  closedir(folder);
}

static int holds_configuration(const char *device) {
  char start[sizeof CONFIG_MAGIC];
  const int disk = open(device, O_RDONLY | O_CLOEXEC);
  if (disk < 0) return 0;
  const ssize_t count = pread(disk, start, sizeof start, 0);
  close(disk);
  return count == sizeof start && memcmp(start, CONFIG_MAGIC, sizeof start) == 0;
}

/* Looks at each disk and partition once. What is on it is the operator's word; the worker holds it against a measured digest. */
static int find_disk(void) {
  FILE *list = fopen("/proc/partitions", "re");
  if (list == NULL) give_up("the kernel lists no disks (%d)", errno);
  char line[128];
  char name[64];
  int found = 0;
  while (!found && fgets(line, sizeof line, list) != NULL) {
    char device[80];
    if (sscanf(line, "%*u %*u %*u %63s", name) != 1 || strchr(name, '!') != NULL) continue;
    snprintf(device, sizeof device, "/dev/%s", name);
    if (!holds_configuration(device)) continue;
    give(device);
    if (chmod(device, 0400) != 0 || symlink(device, CONFIG_LINK) != 0) give_up("cannot hand over the configuration (%d)", errno);
    found = 1;
  }
  fclose(list);
  return found;
}

void find_configuration(void) {
  const struct timespec pause = {.tv_nsec = 50000000};
  for (const long long late = now_ms() + DISK_WAIT_MS; !find_disk(); nanosleep(&pause, NULL))
    if (now_ms() > late) give_up("no disk holds a configuration: attach the file that `anchorhold image config` wrote");
}

/* Removes a group with the groups in it. */
static void remove_group(const char *path) {
  DIR *folder = opendir(path);
  if (folder == NULL) return;
  for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR);
  closedir(folder);
  rmdir(path);
}

/* Linux, Documentation/admin-guide/cgroup-v2.rst, "Model of Delegation": the folder and these files, so that caps stay root's. */
void make_gate_group(void) {
  static const char CONTROLLERS[] = "+memory +cpu +pids";
  static const char *const FILES[] = {"", "/cgroup.procs", "/cgroup.threads", "/cgroup.subtree_control"};
  const int control = open(CGROUP_ROOT "/cgroup.subtree_control", O_WRONLY | O_CLOEXEC);
  if (control < 0 || write(control, CONTROLLERS, sizeof CONTROLLERS - 1) < 0) give_up("the kernel offers no control groups (%d)", errno);
  close(control);
  remove_group(GATE_CGROUP);
  if (mkdir(GATE_CGROUP, 0755) != 0) give_up("cannot make the control group of the gate (%d)", errno);
  for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
    char path[96];
    snprintf(path, sizeof path, GATE_CGROUP "%s", FILES[i]);
    give(path);
  }
}
