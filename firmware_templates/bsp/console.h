/* Text on the serial line. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdbool.h>

/* See format.h; "\n" is sent as carriage return and line feed. */
void console_printf(const char *format, ...);

/* Wait until everything has been sent. */
void console_flush(void);

/* Read a line with echo and backspace, polling: the core never sleeps here, so that a debug probe
 * can attach. False when the line had size - 1 characters or more. */
bool console_read_line(char *line, unsigned size);

#endif
