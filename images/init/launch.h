/* Starts function processes for the gate, each as a user of its own, which the gate could not do: it has no right to change users. The gate
   asks on a socket that only it can open. */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <poll.h>
#include <sys/types.h>

/* Descriptors that launch_events may fill. */
#define LAUNCH_EVENTS (1 + 2 * 256)

/* Opens the socket. */
void open_launcher(void);

/* Says which process may ask from now on. */
void set_launch_owner(pid_t gate);

/* Fills in what to wait for, and gives how many. */
int launch_events(struct pollfd *events);

/* Answers what came; `events` are those that were filled in, as poll left them. */
void launch_step(const struct pollfd *events);

/* Takes the end of a process; 1 when it was one of a function. */
int launch_ended(pid_t child);

/* Kills every function process; their ends still have to be taken. */
void launch_kill_all(void);

/* Tells whether any function process exists. */
int launch_is_busy(void);

#endif
