/* exp(x) in single precision, with the same result from every compiler. */
#include "exponential.h"

#include <stdint.h>

typedef union {
    float value;
    uint32_t bits;
} float_bits_t;

/* Beyond these limits 2^n is no normal number. */
#define LOWEST -87.0f
#define HIGHEST 88.0f

float exponential(float x)
{
    if (!(x > LOWEST)) {
        return 0.0f;
    }
    if (x > HIGHEST) {
        x = HIGHEST;
    }
    /* x = n * ln(2) + r with |r| <= ln(2) / 2; ln(2) in two parts, the first exact in few bits. */
    const float scaled = x * 1.44269504f;
    const int32_t n = (int32_t)(scaled + (scaled < 0.0f ? -0.5f : 0.5f));
    const float whole = (float)n;
    const float r = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;
    /* The Taylor polynomial: its first dropped term, r^8 / 8!, is below 6e-9. */
    float sum = 1.0f / 5040.0f;
    sum = sum * r + 1.0f / 720.0f;
    sum = sum * r + 1.0f / 120.0f;
    sum = sum * r + 1.0f / 24.0f;
    sum = sum * r + 1.0f / 6.0f;
    sum = sum * r + 0.5f;
    sum = sum * r + 1.0f;
    sum = sum * r + 1.0f;
    const float_bits_t power = {.bits = (uint32_t)(n + 127) << 23};
    return sum * power.value;
}
