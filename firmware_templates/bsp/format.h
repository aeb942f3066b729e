/* A small printf.
 *
 * %d %u %x %s %c %%, each with an optional width (a number or *), "-" for left-justified and "0" for
 * leading zeros. Numbers are 32 bits wide.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include <stdarg.h>
#include <stdint.h>

typedef void (*format_put_t)(char character, void *context);

void format_text(format_put_t put, void *context, const char *format, va_list arguments);

#endif
