/* What a process gives up before it becomes a program; the same for function processes in the image and in a container. */
#ifndef CONFINEMENT_H
#define CONFINEMENT_H

#include <sys/types.h>

#include "seccomp.h"

/* Each gives 0, or -1 with errno; a process that could not give something up must end. */

/* Joins a control group, by its folder; an empty text is none. */
int join_group(const char *folder);

/* Leaves no core file, and writes to no more memory than this; 0 is no cap. */
int limit_memory(unsigned long long data_bytes);

/* Becomes a user and group without any other groups. Takes root. */
int become(uid_t id);

/* Makes a descriptor the one of a number that the program will have, also where it is that already. */
int place(int descriptor, int number);

/* Gives up every capability, and every way to gain one: no_new_privs. */
int drop_capabilities(void);

/* Runs a program with an empty environment; returns only when that failed. */
void run_program(const char *path, char *const arguments[]);

#endif
