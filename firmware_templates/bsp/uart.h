/* The console's serial line: 8 data bits, no parity, 1 stop bit. */
#ifndef UART_H
#define UART_H

#include <stdbool.h>
#include <stdint.h>

void uart_init(void);

/* Wait for room, then send. */
void uart_write(uint8_t byte);

bool uart_readable(void);

/* How many bytes can be read at once, and the next one of them. */
uint32_t uart_level(void);
uint8_t uart_take(void);

/* Wait for a byte. */
uint8_t uart_read(void);

/* Whether a byte was lost, for want of room, since this was last asked. */
bool uart_overrun(void);

/* Wait until the last bit has left. */
void uart_flush(void);

#endif
