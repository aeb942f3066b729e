/* ti"ny net on the CNN accelerator. Generated; see README.md.
 *
 * Order of calls: cnn_enable, cnn_init, cnn_load_weights, cnn_load_bias, cnn_configure; then for
 * each inference cnn_load_input, cnn_start, cnn_wait, cnn_unload; cnn_disable at the end.
 */
#ifndef CNN_H
#define CNN_H

#include <stdbool.h>
#include <stdint.h>

#define CNN_NAME "ti\"ny net"
#define CNN_WIRE_NAME "ti%22ny%20net" /* without blanks: bytes outside [A-Za-z0-9._-] as %XX */
#define CNN_NETWORK_DIGEST "<network digest>"
#define CNN_PROGRAM_DIGEST "<program digest>"
#define CNN_LAYERS 1u
#define CNN_CYCLES 1234u /* of one inference, as estimated */
#define CNN_QUADRANTS 0x3u /* bit q: quadrant q is in use */
#define CNN_WEIGHT_BYTES 108u

#define CNN_INPUT_CHANNELS 3u
#define CNN_INPUT_ROWS 4u
#define CNN_INPUT_COLUMNS 4u
#define CNN_INPUT_PIXELS 16u
#define CNN_INPUT_BYTES 48u

#define CNN_OUTPUTS 1u

/* Every output, each in channels x rows x columns order. */
typedef struct {
    int32_t output0_logits_0[6]; /* logits/0: 6 x 1 x 1 */
} cnn_outputs_t;

typedef struct {
    const char *name;      /* for people */
    const char *wire_name; /* without blanks */
    float scale;           /* real value of one integer step */
    uint32_t bits;         /* 8 or 32 */
    uint32_t channels, rows, columns, elements;
} cnn_output_t;

extern const cnn_output_t cnn_outputs[CNN_OUTPUTS];

/* Power, clock and interrupt on. board_init() must have run. Nothing in the accelerator is kept from
 * before: the next four functions follow, in this order, and need not be called again until
 * cnn_disable(). */
void cnn_enable(void);

/* Put the accelerator's control into a known state. */
void cnn_init(void);

/* Copy the kernels, 108 bytes, and the biases from flash. */
void cnn_load_weights(void);
void cnn_load_bias(void);

/* What each layer does. */
void cnn_configure(void);

/* CNN_INPUT_BYTES signed bytes in channels x rows x columns order; they are copied to wherever the
 * accelerator wants them. For each inference, also with the same input: layers may have overwritten
 * it. Not between cnn_start() and cnn_wait(). */
void cnn_load_input(const int8_t *input);

/* Start an inference; returns at once. */
void cnn_start(void);

/* Sleep until the accelerator has finished; false when it takes longer than so many milliseconds
 * (1 to 85000). Then call cnn_disable() and begin again: what it holds is not defined. Interrupts
 * must be on; SysTick is used meanwhile. */
bool cnn_wait(uint32_t timeout_ms);

/* Duration of the last inference in ticks of the timer, from its start to its interrupt; timer_us()
 * of timer.h makes microseconds of it. */
uint32_t cnn_ticks(void);

/* All outputs, each in channels x rows x columns order wherever the accelerator left it. The buffer
 * is large: make it static. */
void cnn_unload(cnn_outputs_t *outputs);

/* Power off. */
void cnn_disable(void);

/* One element of an output, counted in channels x rows x columns order; times cnn_outputs[].scale
 * it is the real value. */
int32_t cnn_element(const cnn_outputs_t *outputs, uint32_t output, uint32_t element);

#endif
