/* Supply, clock and interrupt of the CNN accelerator. */
#ifndef CNN_POWER_H
#define CNN_POWER_H

#include <stdint.h>

/* The voltage; long before the power, so that it has settled. */
void cnn_power_init(void);

/* Bit q of the mask: quadrant q. All registers and memories are undefined or zero afterwards. */
void cnn_power_on(uint32_t quadrants);
void cnn_power_off(void);

#endif
