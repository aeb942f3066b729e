/* Text on the serial line. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdint.h>

/* See format.h; "\n" is sent as carriage return and line feed. */
void console_printf(const char *format, ...);

/* A number with 1 to 6 decimals, rounded, right-justified. */
void console_print_real(float value, uint32_t decimals, uint32_t width);

/* Wait until everything has been sent. */
void console_flush(void);

typedef enum {
    CONSOLE_LINE,
    CONSOLE_TOO_LONG, /* size characters or more */
    CONSOLE_ZERO,     /* a zero byte: not text; what had been typed is forgotten */
} console_input_t;

/* Read a line with echo and backspace, polling: the core never sleeps here, so that a debug probe
 * can attach. */
console_input_t console_read_line(char *line, unsigned size);

#endif
