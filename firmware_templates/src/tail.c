#include "tail.h"

#include <stddef.h>

#include "exponential.h"
#include "logarithm.h"

static float number_at(const tail_source_t *source, uint32_t index)
{
    switch (source->kind) {
    case TAIL_BYTES:
        return (float)((const int8_t *)source->numbers)[index] * source->scale;
    case TAIL_WORDS:
        return (float)((const int32_t *)source->numbers)[index] * source->scale;
    default:
        return ((const float *)source->numbers)[index];
    }
}

/* --- moves --- */

/* Where the loops stand; the innermost one is not counted. */
typedef struct {
    uint32_t source, target;
    uint32_t index[TAIL_AXES - 1];
} cursor_t;

static cursor_t begin(const tail_move_t *move)
{
    return (cursor_t){.source = move->source, .target = move->target};
}

/* On to the next round of the innermost loop; false when there is none. */
static bool next(const tail_move_t *move, cursor_t *cursor)
{
    for (uint32_t level = TAIL_AXES - 1u; level > 0u; level--) {
        const tail_axis_t *axis = &move->axes[level - 1u];
        uint32_t *index = &cursor->index[level - 1u];
        if (++*index < axis->size) {
            cursor->source += (uint32_t)axis->source;
            cursor->target += (uint32_t)axis->target;
            return true;
        }
        cursor->source -= (axis->size - 1u) * (uint32_t)axis->source;
        cursor->target -= (axis->size - 1u) * (uint32_t)axis->target;
        *index = 0;
    }
    return false;
}

void tail_copy(float *to, tail_source_t from, const tail_move_t *moves, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const tail_axis_t *inner = &moves[i].axes[TAIL_AXES - 1];
        cursor_t cursor = begin(&moves[i]);
        do {
            uint32_t source = cursor.source;
            uint32_t target = cursor.target;
            for (uint32_t left = inner->size; left > 0u; left--) {
                to[target] = number_at(&from, source);
                source += (uint32_t)inner->source;
                target += (uint32_t)inner->target;
            }
        } while (next(&moves[i], &cursor));
    }
}

void tail_copy_positions(int32_t *to, const int32_t *from, const tail_move_t *moves,
                         uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const tail_axis_t *inner = &moves[i].axes[TAIL_AXES - 1];
        cursor_t cursor = begin(&moves[i]);
        do {
            uint32_t source = cursor.source;
            uint32_t target = cursor.target;
            for (uint32_t left = inner->size; left > 0u; left--) {
                to[target] = from[source];
                source += (uint32_t)inner->source;
                target += (uint32_t)inner->target;
            }
        } while (next(&moves[i], &cursor));
    }
}

/* --- functions --- */

/* Turns `count` numbers, `step` apart, to exp(number - largest) or number - largest; the sum of the
 * exponentials. */
static float shift(float *numbers, uint32_t count, uint32_t step, bool raised)
{
    float largest = numbers[0];
    for (uint32_t i = 1; i < count; i++) {
        largest = numbers[i * step] > largest ? numbers[i * step] : largest;
    }
    float sum = 0.0f;
    for (uint32_t i = 0; i < count; i++) {
        const float shifted = numbers[i * step] - largest;
        const float power = exponential(shifted);
        sum = i == 0u ? power : sum + power;
        numbers[i * step] = raised ? power : shifted;
    }
    return sum;
}

void tail_softmax(float *numbers, uint32_t outer, uint32_t count, uint32_t inner)
{
    for (uint32_t row = 0; row < outer * inner; row++) {
        float *first = &numbers[row / inner * count * inner + row % inner];
        const float sum = shift(first, count, inner, true);
        for (uint32_t i = 0; i < count; i++) {
            first[i * inner] /= sum;
        }
    }
}

void tail_log_softmax(float *numbers, uint32_t outer, uint32_t count, uint32_t inner)
{
    for (uint32_t row = 0; row < outer * inner; row++) {
        float *first = &numbers[row / inner * count * inner + row % inner];
        const float sum = logarithm(shift(first, count, inner, false));
        for (uint32_t i = 0; i < count; i++) {
            first[i * inner] -= sum;
        }
    }
}

void tail_sigmoid(float *numbers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = 1.0f / (1.0f + exponential(-numbers[i]));
    }
}

void tail_tanh(float *numbers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const bool negative = numbers[i] < 0.0f;
        const float magnitude = negative ? -numbers[i] : numbers[i];
        const float power = exponential(-2.0f * magnitude);
        const float size = (1.0f - power) / (1.0f + power);
        numbers[i] = negative ? -size : size;
    }
}

void tail_exp(float *numbers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = exponential(numbers[i]);
    }
}

void tail_abs(float *numbers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = __builtin_fabsf(numbers[i]);
    }
}

void tail_relu(float *numbers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = numbers[i] < 0.0f ? 0.0f : numbers[i];
    }
}

static float bounded(float number, float low, float high)
{
    return number < low ? low : (number > high ? high : number);
}

void tail_clip(float *numbers, uint32_t count, float low, float high)
{
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = bounded(numbers[i], low, high);
    }
}

void tail_hard_sigmoid(float *numbers, uint32_t count, float alpha, float beta)
{
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = bounded(numbers[i] * alpha + beta, 0.0f, 1.0f);
    }
}

void tail_affine(float *numbers, uint32_t channels, uint32_t count, const float *scales,
                 const float *offsets)
{
    for (uint32_t channel = 0; channel < channels; channel++) {
        for (uint32_t i = 0; i < count; i++, numbers++) {
            *numbers = *numbers * scales[channel] + offsets[channel];
        }
    }
}

void tail_add(float *numbers, const float *others, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] += others[i];
    }
}

void tail_subtract(float *numbers, const float *others, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] -= others[i];
    }
}

void tail_multiply(float *numbers, const float *others, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] *= others[i];
    }
}

/* --- rows --- */

static float in_row(const tail_source_t *from, uint32_t first, const tail_row_t *row, uint32_t i)
{
    return number_at(from, first + i * (uint32_t)row->step);
}

static float sum_of(const tail_source_t *from, uint32_t first, const tail_row_t *row)
{
    float sum = in_row(from, first, row, 0u);
    for (uint32_t i = 1; i < row->length; i++) {
        sum += in_row(from, first, row, i);
    }
    return sum;
}

static float mean_of(const tail_source_t *from, uint32_t first, const tail_row_t *row)
{
    return sum_of(from, first, row) / (float)row->length;
}

/* The position of the next number in order: of the smallest that is larger than number `after` (or
 * equal and behind it), or of the largest that is smaller; without `after` of the first of all. */
static uint32_t next_in_order(const tail_source_t *from, uint32_t first, const tail_row_t *row,
                              const uint32_t *after, bool largest)
{
    const float previous = after == NULL ? 0.0f : in_row(from, first, row, *after);
    uint32_t best = row->length;
    float best_number = 0.0f;
    for (uint32_t i = 0; i < row->length; i++) {
        const float number = in_row(from, first, row, i);
        const bool taken = after != NULL && (largest ? number > previous : number < previous);
        if (taken || (after != NULL && number == previous && i <= *after)) {
            continue;
        }
        if (best == row->length || (largest ? number > best_number : number < best_number)) {
            best = i;
            best_number = number;
        }
    }
    return best;
}

static float max_of(const tail_source_t *from, uint32_t first, const tail_row_t *row)
{
    return in_row(from, first, row, next_in_order(from, first, row, NULL, true));
}

static float min_of(const tail_source_t *from, uint32_t first, const tail_row_t *row)
{
    return in_row(from, first, row, next_in_order(from, first, row, NULL, false));
}

typedef float (*reduce_t)(const tail_source_t *from, uint32_t first, const tail_row_t *row);

static void reduce(float *to, const tail_source_t *from, const tail_move_t *moves, uint32_t count,
                   const tail_row_t *row, reduce_t function)
{
    for (uint32_t i = 0; i < count; i++) {
        const tail_axis_t *inner = &moves[i].axes[TAIL_AXES - 1];
        cursor_t cursor = begin(&moves[i]);
        do {
            for (uint32_t j = 0; j < inner->size; j++) {
                to[cursor.target + j * (uint32_t)inner->target] =
                    function(from, cursor.source + j * (uint32_t)inner->source, row);
            }
        } while (next(&moves[i], &cursor));
    }
}

void tail_mean(float *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
               tail_row_t row)
{
    reduce(to, &from, moves, count, &row, mean_of);
}

void tail_sum(float *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
              tail_row_t row)
{
    reduce(to, &from, moves, count, &row, sum_of);
}

void tail_max(float *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
              tail_row_t row)
{
    reduce(to, &from, moves, count, &row, max_of);
}

void tail_min(float *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
              tail_row_t row)
{
    reduce(to, &from, moves, count, &row, min_of);
}

static uint32_t last_largest(const tail_source_t *from, uint32_t first, const tail_row_t *row)
{
    uint32_t best = 0;
    float best_number = in_row(from, first, row, 0u);
    for (uint32_t i = 1; i < row->length; i++) {
        const float number = in_row(from, first, row, i);
        if (number >= best_number) {
            best = i;
            best_number = number;
        }
    }
    return best;
}

/* Either of the two results for one row. */
static void top_of_row(float *numbers, int32_t *positions, const tail_source_t *from,
                       uint32_t first, const tail_row_t *row, bool largest)
{
    uint32_t found = 0;
    for (uint32_t rank = 0; rank < row->kept; rank++) {
        found = next_in_order(from, first, row, rank == 0u ? NULL : &found, largest);
        if (positions != NULL) {
            positions[rank * row->apart] = (int32_t)found;
        } else {
            numbers[rank * row->apart] = in_row(from, first, row, found);
        }
    }
}

static void top(float *numbers, int32_t *positions, const tail_source_t *from,
                const tail_move_t *moves, uint32_t count, const tail_row_t *row, bool largest)
{
    for (uint32_t i = 0; i < count; i++) {
        const tail_axis_t *inner = &moves[i].axes[TAIL_AXES - 1];
        cursor_t cursor = begin(&moves[i]);
        do {
            for (uint32_t j = 0; j < inner->size; j++) {
                const uint32_t first = cursor.source + j * (uint32_t)inner->source;
                const uint32_t target = cursor.target + j * (uint32_t)inner->target;
                top_of_row(numbers == NULL ? NULL : &numbers[target],
                           positions == NULL ? NULL : &positions[target], from, first, row, largest);
            }
        } while (next(&moves[i], &cursor));
    }
}

void tail_top(float *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
              tail_row_t row, bool largest)
{
    top(to, NULL, &from, moves, count, &row, largest);
}

void tail_top_positions(int32_t *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
                        tail_row_t row, bool largest)
{
    top(NULL, to, &from, moves, count, &row, largest);
}

void tail_first_largest(int32_t *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
                        tail_row_t row)
{
    top(NULL, to, &from, moves, count, &row, true);
}

void tail_last_largest(int32_t *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
                       tail_row_t row)
{
    for (uint32_t i = 0; i < count; i++) {
        const tail_axis_t *inner = &moves[i].axes[TAIL_AXES - 1];
        cursor_t cursor = begin(&moves[i]);
        do {
            for (uint32_t j = 0; j < inner->size; j++) {
                to[cursor.target + j * (uint32_t)inner->target] = (int32_t)last_largest(
                    &from, cursor.source + j * (uint32_t)inner->source, &row);
            }
        } while (next(&moves[i], &cursor));
    }
}
