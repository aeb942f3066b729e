/* The network's answer as a person wants to read it. Generated; see README.md. */
#include "results.h"

#include "console.h"
#include "exponential.h"

#define ELEMENTS 6u
#define ROWS_SHOWN 6u
#define NAME_WIDTH 6u

static const char *const names[ELEMENTS] = {
    "cat",
    "dog",
    "h\303\244her",
    "q\"\?\\",
    "\?\?/",
    "f",
};

static float values[ELEMENTS];
static float probabilities[ELEMENTS];
static uint16_t order[ELEMENTS];

/* With a given number of decimals, rounded. */
static void print_fixed(float value, uint32_t unit, uint32_t decimals, uint32_t width)
{
    const float size = value < 0.0f ? -value : value;
    if (size >= 1e9f) {
        console_printf("%*s", width, value < 0.0f ? "< -1e9" : "> 1e9");
        return;
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
    const bool minus = value < 0.0f && (whole != 0u || part != 0u);
    const uint32_t used = digits + 1u + decimals + (minus ? 1u : 0u);
    console_printf("%*s%s%u.%0*u", used < width ? width - used : 0u, "", minus ? "-" : "", whole,
                   decimals, part);
}

static void read_values(const cnn_outputs_t *outputs)
{
    for (uint32_t i = 0; i < ELEMENTS; i++) {
        values[i] = (float)cnn_element(outputs, 0u, i) * cnn_outputs[0].scale;
    }
}

static void print_row(uint32_t i)
{
    console_printf("  %-*s ", NAME_WIDTH, names[i]);
    print_fixed(values[i], 1000u, 3u, 10u);
    print_fixed(probabilities[i] * 100.0f, 100u, 2u, 12u);
    console_printf(" %%");
    console_printf("\n");
}

static void softmax(void)
{
    float largest = values[0];
    for (uint32_t i = 1; i < ELEMENTS; i++) {
        largest = values[i] > largest ? values[i] : largest;
    }
    float sum = 0.0f;
    for (uint32_t i = 0; i < ELEMENTS; i++) {
        probabilities[i] = exponential(values[i] - largest);
        sum += probabilities[i];
    }
    for (uint32_t i = 0; i < ELEMENTS; i++) {
        probabilities[i] /= sum;
    }
}

/* The largest value first; equal ones in their own order. */
static void sort(void)
{
    for (uint32_t i = 0; i < ELEMENTS; i++) {
        uint32_t place = i;
        for (; place > 0u && values[order[place - 1u]] < values[i]; place--) {
            order[place] = order[place - 1u];
        }
        order[place] = (uint16_t)i;
    }
}

void results_print(const cnn_outputs_t *outputs)
{
    read_values(outputs);
    softmax();
    sort();
    console_printf("\n  %-*s %10s %13s\n", NAME_WIDTH, "class", "score", "probability");
    for (uint32_t i = 0; i < ROWS_SHOWN; i++) {
        print_row(order[i]);
    }
    if (ELEMENTS > ROWS_SHOWN) {
        console_printf("  ... and %u more\n", ELEMENTS - ROWS_SHOWN);
    }
}
