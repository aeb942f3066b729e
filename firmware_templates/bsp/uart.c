/* UART0, polled; its clock is the baud-rate oscillator, so the core's clock does not matter. */
#include "uart.h"

#include "board.h"
#include "mmio.h"

#define CHAR_SIZE_8 3u
#define CLOCK_SOURCE_IBRO 2u
#define OVERSAMPLING_4 5u

void uart_init(void)
{
    mmio_write(MXC_GCR_RST0, MXC_GCR_RST0_UART0);
    mmio_wait_clear(MXC_GCR_RST0, MXC_GCR_RST0_UART0);
    mmio_clear(MXC_GCR_PCLKDIS0, MXC_GCR_PCLKDIS0_UART0 | MXC_GCR_PCLKDIS0_GPIO0);

    /* Alternate function 1: all three enables zero. */
    mmio_write(MXC_GPIO0_EN0_CLR, BOARD_CONSOLE_PINS);
    mmio_write(MXC_GPIO0_EN1_CLR, BOARD_CONSOLE_PINS);
    mmio_write(MXC_GPIO0_EN2_CLR, BOARD_CONSOLE_PINS);

    mmio_wait_set(MXC_GCR_CLKCTRL, MXC_GCR_CLKCTRL_IBRO_RDY);
    mmio_write(MXC_UART0_CTRL, mmio_field(MXC_UART0_CTRL_RX_THD_VAL, 1u) |
                                   mmio_field(MXC_UART0_CTRL_CHAR_SIZE, CHAR_SIZE_8) |
                                   mmio_field(MXC_UART0_CTRL_BCLKSRC, CLOCK_SOURCE_IBRO) |
                                   MXC_UART0_CTRL_CTS_DIS | MXC_UART0_CTRL_UCAGM);
    mmio_write(MXC_UART0_OSR, OVERSAMPLING_4);
    mmio_write(MXC_UART0_CLKDIV, BOARD_CONSOLE_CLKDIV);
    mmio_set(MXC_UART0_CTRL, MXC_UART0_CTRL_BCLKEN);
    mmio_wait_set(MXC_UART0_CTRL, MXC_UART0_CTRL_BCLKRDY);
}

void uart_write(uint8_t byte)
{
    mmio_wait_clear(MXC_UART0_STATUS, MXC_UART0_STATUS_TX_FULL);
    mmio_write(MXC_UART0_FIFO, byte);
}

bool uart_readable(void)
{
    return (mmio_read(MXC_UART0_STATUS) & MXC_UART0_STATUS_RX_EM) == 0u;
}

uint32_t uart_level(void)
{
    const uint32_t level = mmio_read(MXC_UART0_STATUS) & MXC_UART0_STATUS_RX_LVL;
    return level / mmio_field(MXC_UART0_STATUS_RX_LVL, 1u);
}

uint8_t uart_take(void)
{
    return (uint8_t)(mmio_read(MXC_UART0_FIFO) & 0xFFu);
}

uint8_t uart_read(void)
{
    while (!uart_readable()) {
    }
    return uart_take();
}

bool uart_overrun(void)
{
    const bool lost = (mmio_read(MXC_UART0_INT_FL) & MXC_UART0_INT_FL_RX_OV) != 0u;
    mmio_write(MXC_UART0_INT_FL, MXC_UART0_INT_FL_RX_OV);
    return lost;
}

void uart_flush(void)
{
    mmio_wait_set(MXC_UART0_STATUS, MXC_UART0_STATUS_TX_EM);
    mmio_wait_clear(MXC_UART0_STATUS, MXC_UART0_STATUS_TX_BUSY);
}
