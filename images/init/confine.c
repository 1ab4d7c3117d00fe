/* confine DATA_KIB GROUP PROGRAM [ARGUMENT...]: runs a program confined as function processes are, where there is no shell to do it: in
   containers. GROUP is the folder of a control group, or empty. A step that fails leaves no process. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "confinement.h"

static int fail(const char *what) {
  perror(what);
  return 126;
}

int main(int count, char *arguments[]) {
  if (count < 4) {
    fputs("confine DATA_KIB GROUP PROGRAM [ARGUMENT...]\n", stderr);
    return 2;
  }
  char *end = NULL;
  const unsigned long long kib = strtoull(arguments[1], &end, 10);
  if (*end != 0 || end == arguments[1] || *arguments[1] == '-' || kib == 0 || kib > 1ull << 40) {
    fputs("confine: DATA_KIB is a whole number from 1\n", stderr);
    return 2;
  }
  if (join_group(arguments[2]) != 0) return fail("confine: control group");
  if (limit_memory(kib * 1024) != 0) return fail("confine: limits");
  if (drop_capabilities() != 0) return fail("confine: capabilities");
  if (allow_only(FUNCTION_CALLS) != 0) return fail("confine: system calls");
  run_program(arguments[3], arguments + 3);
  return fail("confine: program");
}
