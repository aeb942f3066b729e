/* What follows the accelerator: numbers moved, functions of numbers, the best of many.
 *
 * Numbers are in single precision, operation by operation and sums in order, so that a computer
 * gets the same bits. Positions are integers.
 */
#ifndef TAIL_H
#define TAIL_H

#include <stdbool.h>
#include <stdint.h>

#define TAIL_AXES 5
#define TAIL_INFINITY __builtin_inff()

/* Where numbers are read: real ones, or integers times a scale. */
typedef enum { TAIL_BYTES, TAIL_WORDS, TAIL_REALS } tail_kind_t;

typedef struct {
    const void *numbers;
    tail_kind_t kind;
    float scale;
} tail_source_t;

/* Nested loops, the outer one first: how often, and how far source and target go on each time. */
typedef struct {
    uint32_t size;
    int32_t source, target;
} tail_axis_t;

typedef struct {
    uint32_t source, target; /* where they begin */
    tail_axis_t axes[TAIL_AXES];
} tail_move_t;

/* Numbers `step` apart, of which `kept` are left, `apart` apart. */
typedef struct {
    uint32_t length;
    int32_t step;
    uint32_t kept, apart;
} tail_row_t;

/* Numbers, or positions, to other places. */
void tail_copy(float *to, tail_source_t from, const tail_move_t *moves, uint32_t count);
void tail_copy_positions(int32_t *to, const int32_t *from, const tail_move_t *moves,
                         uint32_t count);

/* In place: along the middle one of three axes. */
void tail_softmax(float *numbers, uint32_t outer, uint32_t count, uint32_t inner);
void tail_log_softmax(float *numbers, uint32_t outer, uint32_t count, uint32_t inner);

/* In place: every number. */
void tail_sigmoid(float *numbers, uint32_t count);
void tail_tanh(float *numbers, uint32_t count);
void tail_exp(float *numbers, uint32_t count);
void tail_abs(float *numbers, uint32_t count);
void tail_relu(float *numbers, uint32_t count);
void tail_clip(float *numbers, uint32_t count, float low, float high);
void tail_hard_sigmoid(float *numbers, uint32_t count, float alpha, float beta);

/* In place: each channel's numbers times its scale plus its offset. */
void tail_affine(float *numbers, uint32_t channels, uint32_t count, const float *scales,
                 const float *offsets);

/* In place: with another number each. */
void tail_add(float *numbers, const float *others, uint32_t count);
void tail_subtract(float *numbers, const float *others, uint32_t count);
void tail_multiply(float *numbers, const float *others, uint32_t count);

/* One number of each row that the moves name; their targets are those of the first result. */
void tail_mean(float *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
               tail_row_t row);
void tail_sum(float *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
              tail_row_t row);
void tail_max(float *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
              tail_row_t row);
void tail_min(float *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
              tail_row_t row);

/* The position of the largest number of each row: of equal ones the first, or the last. */
void tail_first_largest(int32_t *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
                        tail_row_t row);
void tail_last_largest(int32_t *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
                       tail_row_t row);

/* The largest or the smallest numbers of each row in order, or their positions; of equal ones the
 * first comes first. */
void tail_top(float *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
              tail_row_t row, bool largest);
void tail_top_positions(int32_t *to, tail_source_t from, const tail_move_t *moves, uint32_t count,
                        tail_row_t row, bool largest);

#endif
