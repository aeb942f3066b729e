/* A sample input and what the network must answer. Generated; see README.md. */
#include "sample.h"

const int8_t sample_input[CNN_INPUT_BYTES] = {
    -24, -23, -22, -21, -20, -19, -18, -17, -16, -15, -14, -13, -12, -11, -10, -9,
    -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7,
    8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
};

const cnn_outputs_t sample_expected = {
    .output0_logits_0 =
        {
            1, -2, 300000, INT32_MIN, 2147483647, 0,
        },
};

const uint32_t sample_model_crc[MODEL_OUTPUTS] = {
    0x9e00f1afu,
};
