#include "board.h"

#include "clock.h"
#include "cnn_power.h"
#include "delay.h"
#include "gpio.h"
#include "timer.h"
#include "uart.h"

void board_init(void)
{
    clock_init();
    gpio_init();
    uart_init();
    timer_init();
    cnn_power_init();
    delay_ms(BOARD_START_DELAY_MS);
}
