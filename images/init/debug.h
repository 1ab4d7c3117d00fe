/* A shell on the serial line, in the debug image only. The production image is compiled without DEBUG, and holds no shell; the two are measured
   differently. */
#ifndef DEBUG_CONSOLE_H
#define DEBUG_CONSOLE_H

#include <sys/types.h>

#ifdef DEBUG
/* Starts the shell. */
void debug_begin(void);
/* Starts it again when it was the one that ended. */
void debug_ended(pid_t child);
#else
static inline void debug_begin(void) {}
static inline void debug_ended(pid_t child) { (void)child; }
#endif

#endif
