/* TMR0 as one 32-bit counter of the peripheral clock. */
#include "timer.h"

#include "mmio.h"

#define MODE_CONTINUOUS 1u

void timer_init(void)
{
    mmio_clear(MXC_GCR_PCLKDIS0, MXC_GCR_PCLKDIS0_TMR0);
    mmio_write(MXC_TMR0_CTRL0, 0u);
    mmio_wait_clear(MXC_TMR0_CTRL1, MXC_TMR0_CTRL1_CLKEN_A);
    /* Clock selector 0, the peripheral clock, on both halves. */
    mmio_write(MXC_TMR0_CTRL1, MXC_TMR0_CTRL1_CASCADE);
    mmio_write(MXC_TMR0_CTRL0, mmio_field(MXC_TMR0_CTRL0_MODE_A, MODE_CONTINUOUS));
    mmio_set(MXC_TMR0_CTRL0, MXC_TMR0_CTRL0_CLKEN_A);
    mmio_wait_set(MXC_TMR0_CTRL1, MXC_TMR0_CTRL1_CLKRDY_A);
    mmio_write(MXC_TMR0_CMP, 0xFFFFFFFFu);
    mmio_write(MXC_TMR0_CNT, 1u);
    mmio_wait_set(MXC_TMR0_INTFL, MXC_TMR0_INTFL_WRDONE_A);
    mmio_set(MXC_TMR0_CTRL0, MXC_TMR0_CTRL0_EN_A);
    mmio_wait_set(MXC_TMR0_CTRL1, MXC_TMR0_CTRL1_CLKEN_A);
}

uint32_t timer_ticks(void)
{
    /* The first read after a change of clock domain may be stale. */
    (void)mmio_read(MXC_TMR0_CNT);
    return mmio_read(MXC_TMR0_CNT);
}

uint32_t timer_us(uint32_t ticks)
{
    const uint32_t per_us = CLOCK_PERIPHERAL_HZ / 1000000u;
    return ticks / per_us + (ticks % per_us + per_us / 2u) / per_us;
}
