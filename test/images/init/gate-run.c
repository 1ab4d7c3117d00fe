/* Runs a program with the system calls that the image leaves the gate, and nothing else of what init does to it. */
#include <stdio.h>
#include <unistd.h>

#include "confinement.h"

int main(int count, char *arguments[]) {
  if (count < 2 || drop_capabilities() != 0 || allow_only(GATE_CALLS) != 0) return 126;
  run_program(arguments[1], arguments + 1);
  perror(arguments[1]);
  return 127;
}
