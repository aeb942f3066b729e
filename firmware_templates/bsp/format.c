/* A small printf without floating point and without memory of its own. */
#include "format.h"

#include <stdbool.h>

typedef struct {
    format_put_t put;
    void *context;
} sink_t;

typedef struct {
    unsigned width;
    bool zeros;
    bool left;
} field_t;

static void pad(const sink_t *sink, char with, unsigned length, unsigned width)
{
    for (; length < width; length++) {
        sink->put(with, sink->context);
    }
}

static void put_text(const sink_t *sink, const field_t *field, const char *text)
{
    unsigned length = 0;
    while (text[length] != '\0') {
        length++;
    }
    if (!field->left) {
        pad(sink, ' ', length, field->width);
    }
    for (unsigned i = 0; i < length; i++) {
        sink->put(text[i], sink->context);
    }
    if (field->left) {
        pad(sink, ' ', length, field->width);
    }
}

static void put_number(const sink_t *sink, const field_t *field, uint32_t value, uint32_t base,
                       bool negative)
{
    char digits[12];
    unsigned first = sizeof(digits);
    digits[--first] = '\0';
    do {
        digits[--first] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0u);
    if (!field->zeros || field->left) {
        if (negative) {
            digits[--first] = '-';
        }
        put_text(sink, field, &digits[first]);
        return;
    }
    unsigned length = (unsigned)sizeof(digits) - 1u - first;
    if (negative) {
        sink->put('-', sink->context);
        length++;
    }
    pad(sink, '0', length, field->width);
    const field_t plain = {0};
    put_text(sink, &plain, &digits[first]);
}

static const char *read_field(const char *format, field_t *field, va_list *arguments)
{
    *field = (field_t){0};
    for (;; format++) {
        if (*format == '-') {
            field->left = true;
        } else if (*format == '0') {
            field->zeros = true;
        } else {
            break;
        }
    }
    if (*format == '*') {
        field->width = va_arg(*arguments, unsigned);
        return format + 1;
    }
    for (; *format >= '0' && *format <= '9'; format++) {
        field->width = field->width * 10u + (unsigned)(*format - '0');
    }
    return format;
}

static void put_argument(const sink_t *sink, const field_t *field, char kind, va_list *arguments)
{
    if (kind == 's') {
        put_text(sink, field, va_arg(*arguments, const char *));
    } else if (kind == 'c') {
        const char text[2] = {(char)va_arg(*arguments, int), '\0'};
        put_text(sink, field, text);
    } else if (kind == 'd') {
        const int32_t value = va_arg(*arguments, int32_t);
        const uint32_t size = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
        put_number(sink, field, size, 10u, value < 0);
    } else if (kind == 'u' || kind == 'x') {
        put_number(sink, field, va_arg(*arguments, uint32_t), kind == 'u' ? 10u : 16u, false);
    } else {
        sink->put(kind, sink->context); /* %% and what is not known */
    }
}

void format_text(format_put_t put, void *context, const char *format, va_list arguments)
{
    const sink_t sink = {.put = put, .context = context};
    va_list rest;
    va_copy(rest, arguments);
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            put(*format, context);
            continue;
        }
        field_t field;
        format = read_field(format + 1, &field, &rest);
        if (*format == '\0') {
            break;
        }
        put_argument(&sink, &field, *format, &rest);
    }
    va_end(rest);
}
