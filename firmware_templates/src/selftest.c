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

static void load_network(void)
{
    cnn_init();
    cnn_load_weights();
    cnn_load_bias();
    cnn_configure();
}

#if SAMPLE_HAS_ANSWER

static cnn_outputs_t outputs;

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
    if (wrong != 0u) {
        console_printf("%u output elements differ from the known answer\n", wrong);
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

static uint32_t judge(void)
{
    cnn_unload(&outputs);
    wire_outputs(&outputs);
    const uint32_t wrong = compare() + compare_model();
    results_print(&outputs);
    console_printf("\n");
    return wrong;
}

#else

#define PART 64u /* elements */

static uint32_t output_crc(uint32_t index)
{
    static uint8_t part[4u * PART];
    const layers_tensor_t *tensor = &layers_outputs[index];
    uint32_t crc = 0;
    for (uint32_t first = 0; first < tensor->elements; first += PART) {
        const uint32_t rest = tensor->elements - first;
        const uint32_t count = rest < PART ? rest : PART;
        layers_read(tensor, first, count, part);
        crc = frame_crc(crc, part, count * (tensor->bits / 8u));
    }
    return crc;
}

/* The number of outputs whose checksums are not the expected ones: there is no room for more. */
static uint32_t judge(void)
{
    uint32_t wrong = 0;
    for (uint32_t index = 0; index < CNN_OUTPUTS; index++) {
        const uint32_t crc = output_crc(index);
        wire_output_crc(index, crc);
        const bool good = crc == sample_output_crc[index];
        console_printf("%sOutput %u: %u elements, checksum %08x\n", good ? "" : "FAIL ", index,
                       cnn_outputs[index].elements, crc);
        wrong += good ? 0u : 1u;
    }
    return wrong;
}

#endif

static void load_sample(void)
{
#if !SAMPLE_IS_GENERATED
    cnn_load_input(sample_input);
#elif LAYERS_INPUT_ROOM > 0
    for (uint32_t i = 0; i < CNN_INPUT_BYTES; i++) {
        scratch.input[i] = sample_element(i);
    }
    cnn_load_input(scratch.input);
#else
    cnn_load_input_by(sample_element);
#endif
}

static bool infer(void)
{
    load_sample();
    cnn_start();
    if (!cnn_wait(TIMEOUT_MS)) {
        console_printf("FAIL no interrupt from the accelerator within %u ms\n", TIMEOUT_MS);
        return false;
    }
    return true;
}

static bool report(void)
{
    const uint32_t microseconds = timer_us(cnn_ticks());
    wire_time_us(microseconds);
    const uint32_t wrong = judge();
    console_printf("Inference time: %u us\n", microseconds);
    return wrong == 0u;
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
