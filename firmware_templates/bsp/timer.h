/* A free-running counter for measurements; wraps after 85 s. */
#ifndef TIMER_H
#define TIMER_H

#include <stdint.h>

#include "board.h"

void timer_init(void);

/* Ticks of the peripheral clock; subtract two values for a duration. */
uint32_t timer_ticks(void);

/* Ticks in microseconds, rounded to the nearest. */
uint32_t timer_us(uint32_t ticks);

#endif
