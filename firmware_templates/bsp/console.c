/* Text on the serial line. */
#include "console.h"

#include <stdarg.h>

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

/* From here on neither the whole part nor the printing of it is exact. */
#define LARGEST_REAL 1e9f

void console_print_real(float value, uint32_t decimals, uint32_t width)
{
    const bool negative = value < 0.0f;
    const float size = negative ? -value : value;
    if (!(size < LARGEST_REAL)) {
        console_printf("%*s", width, negative ? "< -1e9" : "> 1e9");
        return;
    }
    uint32_t unit = 1;
    for (uint32_t i = 0; i < decimals; i++) {
        unit *= 10u;
    }
    uint32_t whole = (uint32_t)size;
    uint32_t part = (uint32_t)((size - (float)whole) * (float)unit + 0.5f);
    if (part >= unit) {
        part -= unit;
        whole++;
    }
    uint32_t digits = 1;
    for (uint32_t rest = whole; rest >= 10u; rest /= 10u) {
        digits++;
    }
    const char *sign = negative && (whole != 0u || part != 0u) ? "-" : "";
    const uint32_t used = digits + 1u + decimals + (*sign != '\0' ? 1u : 0u);
    console_printf("%*s%s%u.%0*u", used < width ? width - used : 0u, "", sign, whole, decimals,
                   part);
}

void console_flush(void)
{
    uart_flush();
}

static void erase_last(void)
{
    console_printf("\b \b");
}

console_input_t console_read_line(char *line, unsigned size)
{
    unsigned length = 0;
    bool fits = true;
    for (;;) {
        const char character = (char)uart_read();
        if (character == '\0') {
            return CONSOLE_ZERO;
        }
        if (character == '\r' || character == '\n') {
            console_printf("\n");
            line[length] = '\0';
            return fits ? CONSOLE_LINE : CONSOLE_TOO_LONG;
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
