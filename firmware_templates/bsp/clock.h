/* The core at CLOCK_HZ from the primary oscillator, peripherals at CLOCK_PERIPHERAL_HZ. */
#ifndef CLOCK_H
#define CLOCK_H

void clock_init(void);

#endif
