/* An application of one's own: what the network says about the sample, and about an empty input,
 * ten times each, with the time it takes. It works with any network that mxdeploy builds:
 *
 *     mxdeploy build MODEL.onnx --app my_main.c -o build/mine
 */
#include <stdbool.h>
#include <stdint.h>

#include "board.h"
#include "cnn.h"
#include "console.h"
#include "gpio.h"
#include "sample.h"
#include "timer.h"

#define ROUNDS 10u
#define TIMEOUT_MS 1000u

static const int8_t empty[CNN_INPUT_BYTES];
static cnn_outputs_t outputs;

/* The accelerator keeps kernels, biases and settings until it is switched off: loaded once. */
static void start_network(void)
{
    cnn_enable();
    cnn_init();
    cnn_load_weights();
    cnn_load_bias();
    cnn_configure();
}

static bool infer(const int8_t *input)
{
    cnn_load_input(input);
    cnn_start();
    if (!cnn_wait(TIMEOUT_MS)) {
        return false;
    }
    cnn_unload(&outputs);
    return true;
}

static uint32_t largest_element(void)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < cnn_outputs[0].elements; i++) {
        if (cnn_element(&outputs, 0u, i) > cnn_element(&outputs, 0u, best)) {
            best = i;
        }
    }
    return best;
}

static void show(const char *name)
{
    const uint32_t best = largest_element();
    const int32_t value = cnn_element(&outputs, 0u, best);
    console_printf("%s: element %u is the largest, %d = ", name, best, value);
    console_print_real((float)value * cnn_outputs[0].scale, 3u, 1u);
    console_printf(", after %u us\n", timer_us(cnn_ticks()));
}

int main(void)
{
    board_init();
    console_printf("\n%s on %s, my own application\n", CNN_NAME, BOARD_TITLE);
    start_network();
    bool good = true;
    for (uint32_t round = 0; round < ROUNDS && good; round++) {
        good = infer(sample_input);
        if (good && round + 1u == ROUNDS) {
            show("sample");
        }
        good = good && infer(empty);
        if (good && round + 1u == ROUNDS) {
            show("empty");
        }
    }
    cnn_disable();
    gpio_show_verdict(good);
    console_printf("%s\n", good ? "done" : "the accelerator does not answer");
    console_flush();
    for (;;) {
    }
}
