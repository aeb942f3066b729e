/* Probabilities, and classes in their order. */
#ifndef SOFTMAX_H
#define SOFTMAX_H

#include <stdint.h>

/* exp(value) of each, divided by their sum. */
void softmax(float *probabilities, const float *values, uint32_t count);

/* Indices of the values, the largest first; equal ones in their own order. At most 65536. */
void softmax_order(uint16_t *order, const float *values, uint32_t count);

#endif
