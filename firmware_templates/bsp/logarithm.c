/* ln(x) in single precision, with the same result from every compiler. */
#include "logarithm.h"

#include <stdint.h>

typedef union {
    float value;
    uint32_t bits;
} float_bits_t;

float logarithm(float x)
{
    /* x = part * 2^n with part from sqrt(1/2) to sqrt(2). */
    float_bits_t number = {.value = x};
    int32_t n = (int32_t)(number.bits >> 23) - 126;
    number.bits = (number.bits & 0x7FFFFFu) | (126u << 23);
    if (number.value < 0.70710678f) {
        n--;
        number.value = number.value + number.value;
    }
    /* ln(part) = 2 * (ratio + ratio^3 / 3 + ...); the first dropped term is below 4e-10. */
    const float ratio = (number.value - 1.0f) / (number.value + 1.0f);
    const float square = ratio * ratio;
    float sum = 1.0f / 9.0f;
    sum = sum * square + 1.0f / 7.0f;
    sum = sum * square + 1.0f / 5.0f;
    sum = sum * square + 1.0f / 3.0f;
    sum = sum * square + 1.0f;
    const float whole = (float)n;
    return whole * 0.693359375f + ((ratio + ratio) * sum + whole * -2.12194440e-4f);
}
