/* ti"ny net: the numbers that the model takes and gives. Generated; see README.md. */
#include "model.h"

#include "tail.h"

/* --- input --- */

/* A channel of the accelerator's input: where its elements come from; zeros outside the window. */
typedef struct {
    int32_t first, row_step, column_step; /* elements of the model's input */
    uint32_t rows[2], columns[2];         /* window: first one, and first one behind it */
} plane_t;

static const plane_t planes[CNN_INPUT_CHANNELS] = {
    {0, 4, 1, {0u, 4u}, {0u, 4u}},
    {16, 4, 1, {0u, 4u}, {0u, 4u}},
    {32, 4, 1, {0u, 4u}, {0u, 4u}},
};

/* The element of the model's input that goes to a place of the accelerator's; false: a zero does. */
static bool find(uint32_t channel, uint32_t row, uint32_t column, uint32_t *element)
{
    const plane_t *plane = &planes[channel];
    *element = (uint32_t)plane->first + row * (uint32_t)plane->row_step +
               column * (uint32_t)plane->column_step;
    return row >= plane->rows[0] && row < plane->rows[1] && column >= plane->columns[0] &&
           column < plane->columns[1];
}

/* Channels of a group pass the same functions. */
static const uint16_t groups[CNN_INPUT_CHANNELS] = {
    0, 0, 0,
};

/* The functions that stand in front of the network. */
static float prepared(float x, uint32_t group, uint32_t element)
{
    (void)group;
    (void)element;
    return x;
}

/* To the nearest integer, of two equally near ones to the even one. */
static int8_t quantized(float x)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: sums with it have no room for fractions */
    float steps = x / 0x1.0000000000000p-7f;
    steps = steps < -128.0f ? -128.0f : (steps > 127.0f ? 127.0f : steps);
    return (int8_t)((steps + magic) - magic);
}

/* The integer of each pixel, for each group. */
static const int8_t pixel_integers[][256] = {
    {
        0, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
    },
};

static int8_t pixel_integer(uint8_t pixel, uint32_t group, uint32_t element)
{
    (void)element;
    return pixel_integers[group][pixel];
}

void model_input(int8_t *to, const float *input)
{
    for (uint32_t channel = 0; channel < CNN_INPUT_CHANNELS; channel++) {
        for (uint32_t row = 0; row < CNN_INPUT_ROWS; row++) {
            for (uint32_t column = 0; column < CNN_INPUT_COLUMNS; column++, to++) {
                uint32_t element;
                *to = 0;
                if (find(channel, row, column, &element)) {
                    *to = quantized(prepared(input[element], groups[channel], element));
                }
            }
        }
    }
}

void model_input_pixels(int8_t *to, const uint8_t *pixels)
{
    for (uint32_t channel = 0; channel < CNN_INPUT_CHANNELS; channel++) {
        for (uint32_t row = 0; row < CNN_INPUT_ROWS; row++) {
            for (uint32_t column = 0; column < CNN_INPUT_COLUMNS; column++, to++) {
                uint32_t element;
                *to = 0;
                if (find(channel, row, column, &element)) {
                    *to = pixel_integer(pixels[element], groups[channel], element);
                }
            }
        }
    }
}

/* --- outputs --- */

const model_output_t model_outputs[MODEL_OUTPUTS] = {
    {"answer */", "answer%20%2A%2F", "6 x 1 x 1", 6u, false, true},
};

/* answer * / */
static const tail_move_t moves0[] = {
    {0u, 0u, {{1u, 0, 0}, {1u, 0, 0}, {1u, 0, 0}, {1u, 0, 0}, {6u, 1, 1}}},
};

void model_output0_answer___(float *to, const cnn_outputs_t *outputs)
{
    tail_copy(to, (tail_source_t){outputs->output0_logits_0, TAIL_WORDS, 0x1.0000000000000p-7f}, &moves0[0], 1u);
    tail_softmax(to, 1u, 6u, 1u);
}

void model_output(uint32_t index, model_numbers_t *to, const cnn_outputs_t *outputs)
{
    switch (index) {
    case 0u:
        model_output0_answer___(to->reals, outputs);
        break;
    default:
        (void)to;
        (void)outputs;
        break;
    }
}
