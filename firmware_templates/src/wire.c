#include "wire.h"

#include "board.h"
#include "console.h"
#include "model.h"

#define ELEMENTS_PER_LINE 64u
#define DIGEST_DIGITS 16u

void wire_hello(void)
{
    console_printf("@hello mxdeploy %s ", CNN_WIRE_NAME);
    for (uint32_t i = 0; i < DIGEST_DIGITS; i++) {
        console_printf("%c", CNN_NETWORK_DIGEST[i]);
    }
    console_printf(" %s\n", BOARD_NAME);
}

static void elements(const cnn_outputs_t *outputs, uint32_t output, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        const uint32_t value = (uint32_t)cnn_element(outputs, output, i);
        if (cnn_outputs[output].bits == 8u) {
            console_printf("%02x", value & 0xFFu);
        } else {
            console_printf("%08x", value);
        }
    }
}

static void output_lines(const cnn_outputs_t *outputs, uint32_t index)
{
    const cnn_output_t *output = &cnn_outputs[index];
    const uint32_t count = output->elements;
    console_printf("@output %u %s %u %u %u %u", index, output->wire_name, output->bits,
                   output->channels, output->rows, output->columns);
    if (count <= ELEMENTS_PER_LINE) {
        console_printf(" ");
        elements(outputs, index, 0u, count);
        console_printf("\n");
        return;
    }
    console_printf("\n");
    for (uint32_t from = 0; from < count; from += ELEMENTS_PER_LINE) {
        const uint32_t rest = count - from;
        console_printf("@data ");
        elements(outputs, index, from, from + (rest < ELEMENTS_PER_LINE ? rest : ELEMENTS_PER_LINE));
        console_printf("\n");
    }
    console_printf("@end\n");
}

void wire_outputs(const cnn_outputs_t *outputs)
{
    for (uint32_t i = 0; i < CNN_OUTPUTS; i++) {
        output_lines(outputs, i);
    }
}

void wire_output_crc(uint32_t index, uint32_t crc)
{
    const cnn_output_t *output = &cnn_outputs[index];
    console_printf("@output_crc %u %s %u %u %u %u %08x\n", index, output->wire_name, output->bits,
                   output->channels, output->rows, output->columns, crc);
}

void wire_model(uint32_t index, uint32_t crc)
{
    const model_output_t *output = &model_outputs[index];
    console_printf("@model %u %s %s %u %08x\n", index, output->wire_name,
                   output->positions ? "position" : "real", output->elements, crc);
}

void wire_time_us(uint32_t microseconds)
{
    console_printf("@time_us %u\n", microseconds);
}

void wire_result(bool pass)
{
    console_printf("@result %s\n", pass ? "PASS" : "FAIL");
}
