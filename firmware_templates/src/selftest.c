#include "selftest.h"

#include "cnn.h"
#include "console.h"
#include "frame.h"
#include "gpio.h"
#include "model.h"
#include "results.h"
#include "sample.h"
#include "scratch.h"
#include "timer.h"
#include "wire.h"

#define TIMEOUT_MS 10000u

static cnn_outputs_t outputs;

static void load_network(void)
{
    cnn_init();
    cnn_load_weights();
    cnn_load_bias();
    cnn_configure();
}

/* The number of elements that differ; the first one of each output is printed. */
static uint32_t compare(void)
{
    uint32_t wrong = 0;
    for (uint32_t index = 0; index < CNN_OUTPUTS; index++) {
        uint32_t wrong_here = 0;
        for (uint32_t i = 0; i < cnn_outputs[index].elements; i++) {
            const int32_t expected = cnn_element(&sample_expected, index, i);
            const int32_t got = cnn_element(&outputs, index, i);
            if (got != expected && wrong_here++ == 0u) {
                console_printf("FAIL output %u element %u: expected %d, got %d\n", index, i,
                               expected, got);
            }
        }
        wrong += wrong_here;
    }
    return wrong;
}

/* The number of the model's outputs that are not the expected ones, bit for bit. */
static uint32_t compare_model(void)
{
    uint32_t wrong = 0;
    for (uint32_t index = 0; index < MODEL_OUTPUTS; index++) {
        if (!model_outputs[index].computed) {
            continue;
        }
        model_output(index, &scratch.numbers, &outputs);
        const uint32_t bytes = 4u * model_outputs[index].elements;
        const uint32_t crc = frame_crc(0, (const uint8_t *)&scratch.numbers, bytes);
        wire_model(index, crc);
        if (crc != sample_model_crc[index]) {
            console_printf("FAIL output %s of the model\n", model_outputs[index].name);
            wrong++;
        }
    }
    return wrong;
}

static bool infer(void)
{
    cnn_load_input(sample_input);
    cnn_start();
    if (!cnn_wait(TIMEOUT_MS)) {
        console_printf("FAIL no interrupt from the accelerator within %u ms\n", TIMEOUT_MS);
        return false;
    }
    cnn_unload(&outputs);
    return true;
}

static bool report(void)
{
    const uint32_t microseconds = timer_us(cnn_ticks());
    wire_outputs(&outputs);
    wire_time_us(microseconds);
    const uint32_t wrong = compare();
    const uint32_t wrong_outputs = compare_model();
    results_print(&outputs);
    console_printf("\n");
    if (wrong != 0u) {
        console_printf("%u output elements differ from the known answer\n", wrong);
    }
    if (wrong_outputs != 0u) {
        console_printf("%u outputs of the model differ from the known answer\n", wrong_outputs);
    }
    console_printf("Inference time: %u us\n", microseconds);
    return wrong == 0u && wrong_outputs == 0u;
}

bool selftest_run(void)
{
    console_printf("Sample: %s\n", SAMPLE_SOURCE);
#ifdef SAMPLE_LABEL
    console_printf("Label: %s\n", SAMPLE_LABEL);
#endif
    cnn_enable();
    load_network();
    const bool pass = infer() && report();
    cnn_disable();
    wire_result(pass);
    console_printf("%s\n", pass ? "PASS" : "FAIL");
    gpio_show_verdict(pass);
    return pass;
}
