#include "softmax.h"

#include "exponential.h"

void softmax(float *probabilities, const float *values, uint32_t count)
{
    float largest = values[0];
    for (uint32_t i = 1; i < count; i++) {
        largest = values[i] > largest ? values[i] : largest;
    }
    float sum = 0.0f;
    for (uint32_t i = 0; i < count; i++) {
        probabilities[i] = exponential(values[i] - largest);
        sum += probabilities[i];
    }
    for (uint32_t i = 0; i < count; i++) {
        probabilities[i] /= sum;
    }
}

void softmax_order(uint16_t *order, const float *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = i;
        for (; place > 0u && values[order[place - 1u]] < values[i]; place--) {
            order[place] = order[place - 1u];
        }
        order[place] = (uint16_t)i;
    }
}
