/* Which system calls a process may make: those that its work needs, and no other one. [seccomp(2)] */
#ifndef SECCOMP_H
#define SECCOMP_H

/* FUNCTION_CALLS: memory, threads, clocks, descriptors that are there, reading files. GATE_CALLS: these, and sockets, signals and writing files. */
enum call_list { FUNCTION_CALLS, GATE_CALLS };

/* Allows this process and its threads the calls of a list from here on, for good; any other call is answered as one that the kernel does not
   have. Needs no_new_privs. Gives 0, or -1 with errno. */
int allow_only(enum call_list list);

#endif
