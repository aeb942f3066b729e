/* Text on the serial line. */
#include "console.h"

#include <stdarg.h>
#include <stdint.h>

#include "format.h"
#include "uart.h"

static void put(char character, void *context)
{
    (void)context;
    if (character == '\n') {
        uart_write((uint8_t)'\r');
    }
    uart_write((uint8_t)character);
}

void console_printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    format_text(put, 0, format, arguments);
    va_end(arguments);
}

void console_flush(void)
{
    uart_flush();
}

static void erase_last(void)
{
    console_printf("\b \b");
}

bool console_read_line(char *line, unsigned size)
{
    unsigned length = 0;
    bool fits = true;
    for (;;) {
        const char character = (char)uart_read();
        if (character == '\r' || character == '\n') {
            console_printf("\n");
            line[length] = '\0';
            return fits;
        }
        if (character == '\b' || character == 0x7F) {
            if (length > 0u) {
                length--;
                erase_last();
            }
        } else if (character >= ' ' && character < 0x7F) {
            fits = fits && length + 1u < size;
            if (fits) {
                line[length++] = character;
                put(character, 0);
            }
        }
    }
}
