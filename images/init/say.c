#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

int serial_line(void) {
  static int line = -1;
  /* There is no console: it would be another way for the kernel's messages, and the claims of the worker would name it. */
  if (line < 0) line = open("/dev/ttyS0", O_WRONLY | O_NOCTTY | O_CLOEXEC);
  return line;
}

static void say_list(const char *format, va_list values) {
  char text[256] = "anchorhold: ";
  const size_t start = strlen(text);
  const size_t room = sizeof text - start - 2;
  int length = vsnprintf(text + start, room, format, values);
  if (length < 0) return;
  size_t end = start + ((size_t)length < room ? (size_t)length : room - 1);
  text[end++] = '\r';
  text[end++] = '\n';
  const int saved = errno;
  if (serial_line() >= 0 && write(serial_line(), text, end) < 0) errno = saved;
  errno = saved;
}

void say(const char *format, ...) {
  va_list values;
  va_start(values, format);
  say_list(format, values);
  va_end(values);
}

void give_up(const char *format, ...) {
  va_list values;
  va_start(values, format);
  say_list(format, values);
  va_end(values);
  /* What was said has to leave before the power does. */
  if (serial_line() >= 0) tcdrain(serial_line());
  reboot(RB_POWER_OFF);
  /* A machine that cannot be powered off must not go on either. */
  for (;;) pause();
}
