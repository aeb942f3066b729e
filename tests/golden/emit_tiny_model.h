/* ti"ny net: the numbers that the model takes and gives. Generated; see README.md.
 *
 * The accelerator computes with small integers (cnn.h). The functions here make them of the model's
 * input, and make the model's outputs of them, in single precision and in the model's own order.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "cnn.h"

/* The model's input: 3 x 4 x 4, in this order. */
#define MODEL_INPUT_ELEMENTS 48u

/* What cnn_load_input() takes, CNN_INPUT_BYTES, of real numbers; or of 8-bit pixels, where
 * the model takes the pixel p as the number p. */
void model_input(int8_t *to, const float *input);
void model_input_pixels(int8_t *to, const uint8_t *pixels);

#define MODEL_OUTPUTS 1u
#define MODEL_LARGEST 6u /* numbers of the largest output that is computed here */

/* What is known about an output of the model. */
typedef struct {
    const char *name;      /* for people */
    const char *wire_name; /* without blanks */
    const char *shape;     /* in words */
    uint32_t elements;
    bool positions; /* integers: positions of largest numbers */
    bool computed;  /* false: it does not fit the SRAM */
} model_output_t;

extern const model_output_t model_outputs[MODEL_OUTPUTS];

/* Room for any of the outputs. */
typedef union {
    float reals[MODEL_LARGEST + 1u];
    int32_t positions[MODEL_LARGEST + 1u];
} model_numbers_t;

/* Each output of the model, of what cnn_unload() gave. */

/* answer * /: 6 x 1 x 1. */
#define MODEL_OUTPUT0_ANSWER___ 6u
void model_output0_answer___(float *to, const cnn_outputs_t *outputs);

/* The output of that number, if it is computed. */
void model_output(uint32_t index, model_numbers_t *to, const cnn_outputs_t *outputs);

#endif
