/* The network's answer as a person wants to read it. Generated; see README.md. */
#include "results.h"

#include "console.h"
#include "softmax.h"

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

static void read_values(const cnn_outputs_t *outputs)
{
    for (uint32_t i = 0; i < ELEMENTS; i++) {
        values[i] = (float)cnn_element(outputs, 0u, i) * cnn_outputs[0].scale;
    }
}

static void print_row(uint32_t i)
{
    console_printf("  %-*s ", NAME_WIDTH, names[i]);
    console_print_real(values[i], 3u, 10u);
    console_print_real(probabilities[i] * 100.0f, 2u, 12u);
    console_printf(" %%");
    console_printf("\n");
}

void results_print(const cnn_outputs_t *outputs)
{
    read_values(outputs);
    softmax(probabilities, values, ELEMENTS);
    softmax_order(order, values, ELEMENTS);
    console_printf("\n  %-*s %10s %13s\n", NAME_WIDTH, "class", "score", "probability");
    for (uint32_t i = 0; i < ROWS_SHOWN; i++) {
        print_row(order[i]);
    }
    if (ELEMENTS > ROWS_SHOWN) {
        console_printf("  ... and %u more\n", ELEMENTS - ROWS_SHOWN);
    }
}
