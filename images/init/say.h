/* The few words that init has for the operator, on the first serial line; and the end of the machine. */
#ifndef SAY_H
#define SAY_H

/* Writes one line. What the host sees is public: nothing that anybody asked or answered is ever said. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says why, and powers the machine off: a machine that is not as it must be is none. */
void give_up(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Gives the serial line, or -1 where there is none. It is open for writing only. */
int serial_line(void);

#endif
