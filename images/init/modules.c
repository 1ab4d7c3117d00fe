/* Drivers: the modules of the list, in its order. The list is in the measured image, and so is each module; with `module.sig_enforce=1` the
   kernel takes only those that Debian signed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init.h"
#include "paths.h"
#include "say.h"

/* Drivers of hardware that only some machines have; without SEV-SNP there is no report device, and the worker says so. */
static int is_for_absent_hardware(const char *name, int error) { return error == ENODEV && strcmp(name, "sev-guest") == 0; }

static void load_module(const char *name) {
  char path[128];
  snprintf(path, sizeof path, MODULE_FOLDER "%s.ko", name);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) give_up("the module %s is not there (%d)", name, errno);
  if (syscall(SYS_finit_module, file, "", 0) != 0 && errno != EEXIST) {
    if (!is_for_absent_hardware(name, errno)) give_up("the kernel refused the module %s (%d)", name, errno);
    say("no device for the module %s", name);
  }
  close(file);
}

void load_modules(void) {
  FILE *list = fopen(MODULE_LIST, "re");
  if (list == NULL) give_up("there is no %s (%d)", MODULE_LIST, errno);
  char name[64];
  while (fgets(name, sizeof name, list) != NULL) {
    const size_t length = strcspn(name, "\n");
    if (name[length] != '\n') give_up("a line of %s is too long", MODULE_LIST);
    name[length] = 0;
    if (length > 0) load_module(name);
  }
  fclose(list);
}
