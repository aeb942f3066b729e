/* Waiting, and a periodic interrupt that ends a sleep. */
#ifndef DELAY_H
#define DELAY_H

#include <stdint.h>

void delay_ms(uint32_t ms);

/* An interrupt every so many milliseconds (at most 100), until stopped. */
void delay_heartbeat_start(uint32_t ms);
void delay_heartbeat_stop(void);

#endif
