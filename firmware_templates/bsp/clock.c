/* Oscillators, flash wait states and the instruction cache. */
#include "clock.h"

#include "mmio.h"

#define SYSCLK_SEL_IPO 4u
/* The reset value; two suffice at 100 MHz, and the cache hides the difference. */
#define FLASH_WAIT_STATES 5u

static void instruction_cache_on(void)
{
    mmio_write(MXC_ICC0_INVALIDATE, 1u);
    mmio_wait_set(MXC_ICC0_CTRL, MXC_ICC0_CTRL_RDY);
    mmio_set(MXC_ICC0_CTRL, MXC_ICC0_CTRL_EN);
    mmio_wait_set(MXC_ICC0_CTRL, MXC_ICC0_CTRL_RDY);
}

void clock_init(void)
{
    mmio_replace(MXC_GCR_MEMCTRL, MXC_GCR_MEMCTRL_FWS, FLASH_WAIT_STATES);
    mmio_set(MXC_GCR_CLKCTRL, MXC_GCR_CLKCTRL_IPO_EN);
    mmio_wait_set(MXC_GCR_CLKCTRL, MXC_GCR_CLKCTRL_IPO_RDY);
    mmio_replace(MXC_GCR_CLKCTRL, MXC_GCR_CLKCTRL_SYSCLK_DIV, 0u);
    mmio_replace(MXC_GCR_CLKCTRL, MXC_GCR_CLKCTRL_SYSCLK_SEL, SYSCLK_SEL_IPO);
    mmio_wait_set(MXC_GCR_CLKCTRL, MXC_GCR_CLKCTRL_SYSCLK_RDY);
    instruction_cache_on();
}
