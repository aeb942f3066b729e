/* MAX78000EVKIT: generated facts. */
#ifndef BOARD_H
#define BOARD_H

#define BOARD_NAME "max78000evkit"
#define BOARD_TITLE "MAX78000EVKIT"

#define CLOCK_HZ 100000000u
#define CLOCK_PERIPHERAL_HZ 50000000u

#define BOARD_CONSOLE_BAUD 115200u
#define BOARD_CONSOLE_CLKDIV 64u /* 7372800 Hz / baud rate */
#define BOARD_CONSOLE_PINS 0x00000003u /* of port 0: P0.0 receives, P0.1 sends */

/* Pins at the higher I/O voltage. */
#define BOARD_GPIO0_HIGH_VOLTAGE 0x0000000fu
#define BOARD_GPIO1_HIGH_VOLTAGE 0x00000000u
#define BOARD_GPIO2_HIGH_VOLTAGE 0x00000000u

/* Port, pin, and whether a 0 switches it on; without a pin the mask is zero. */
#define BOARD_LED_GREEN {MXC_GPIO0_BASE, 0x00000004u, true} /* LED1, P0.2 */
#define BOARD_LED_RED {MXC_GPIO0_BASE, 0x00000008u, true} /* LED2, P0.3 */
#define BOARD_CNN_BOOST {MXC_GPIO2_BASE, 0x00000020u, false} /* P2.5 */
#define BOARD_CNN_USE_BOOST 0

/* A debug probe cannot attach to a sleeping core, nor right after a reset: wait first. */
#define BOARD_START_DELAY_MS 2000u

/* Clocks, pins, serial line, timer; then the start-up wait. */
void board_init(void);

#endif
