/* Text on the serial line. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

/* See format.h; "\n" is sent as carriage return and line feed. */
void console_printf(const char *format, ...);

/* A number with 1 to 6 decimals, rounded, right-justified. */
void console_print_real(float value, uint32_t decimals, uint32_t width);

/* Wait until everything has been sent. */
void console_flush(void);

/* Read a line with echo and backspace, polling: the core never sleeps here, so that a debug probe
 * can attach. False when the line had size - 1 characters or more. */
bool console_read_line(char *line, unsigned size);

#endif
