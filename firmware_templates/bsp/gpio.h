/* Output pins: lights and the accelerator's external supply. */
#ifndef GPIO_H
#define GPIO_H

#include <stdbool.h>

void gpio_init(void);

/* The green light on success, the red one on failure. */
void gpio_show_verdict(bool good);

/* The pin that switches an external supply of the accelerator, where the board has one. */
void gpio_cnn_boost(bool on);

#endif
