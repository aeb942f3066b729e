/* ti"ny net: the numbers that the model takes and gives. Generated; see README.md. */
#include "model.h"

#include "tail.h"

/* --- input --- */

/* A channel of the accelerator's input: where its elements come from; zeros outside the window. */
typedef struct {
    int32_t first, row_step, column_step; /* elements of the model's input */
    uint32_t rows[2], columns[2];         /* window: first one, and first one behind it */
    uint32_t group;
} plane_t;

static const plane_t planes[CNN_INPUT_CHANNELS] = {
    {0, 4, 1, {0u, 4u}, {0u, 4u}, 0u},
    {16, 4, 1, {0u, 4u}, {0u, 4u}, 0u},
    {32, 4, 1, {0u, 4u}, {0u, 4u}, 0u},
};

/* The integer of each pixel. */
static const int8_t pixel_integers[1][256] = {
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

/* The functions that stand in front of the network. */
static float prepared(float x, uint32_t group)
{
    (void)group;
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

static bool inside(const plane_t *plane, uint32_t row, uint32_t column)
{
    return row >= plane->rows[0] && row < plane->rows[1] && column >= plane->columns[0] &&
           column < plane->columns[1];
}

static uint32_t place(const plane_t *plane, uint32_t row, uint32_t column)
{
    return (uint32_t)plane->first + row * (uint32_t)plane->row_step +
           column * (uint32_t)plane->column_step;
}

void model_input(int8_t *to, const float *input)
{
    for (uint32_t i = 0; i < CNN_INPUT_CHANNELS; i++) {
        const plane_t *plane = &planes[i];
        for (uint32_t row = 0; row < CNN_INPUT_ROWS; row++) {
            for (uint32_t column = 0; column < CNN_INPUT_COLUMNS; column++, to++) {
                *to = 0;
                if (inside(plane, row, column)) {
                    *to = quantized(prepared(input[place(plane, row, column)], plane->group));
                }
            }
        }
    }
}

void model_input_pixels(int8_t *to, const uint8_t *pixels)
{
    for (uint32_t i = 0; i < CNN_INPUT_CHANNELS; i++) {
        const plane_t *plane = &planes[i];
        const int8_t *integers = pixel_integers[plane->group];
        for (uint32_t row = 0; row < CNN_INPUT_ROWS; row++) {
            for (uint32_t column = 0; column < CNN_INPUT_COLUMNS; column++, to++) {
                *to = 0;
                if (inside(plane, row, column)) {
                    *to = integers[pixels[place(plane, row, column)]];
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
