/* Waiting with SysTick, which counts the core's clock down. */
#include "delay.h"

#include "board.h"
#include "mmio.h"

#define TICKS_PER_MS (CLOCK_HZ / 1000u)

/* SysTick counts 24 bits: the longest period is shorter than 168 ms at 100 MHz. */
#define SLICE_MS 100u

static void systick_start(uint32_t ms, uint32_t interrupt)
{
    mmio_write(MXC_SYSTICK_SYST_CSR, 0u);
    mmio_write(MXC_SYSTICK_SYST_RVR, ms * TICKS_PER_MS - 1u);
    mmio_write(MXC_SYSTICK_SYST_CVR, 0u);
    mmio_write(MXC_SYSTICK_SYST_CSR, MXC_SYSTICK_SYST_CSR_ENABLE | MXC_SYSTICK_SYST_CSR_CLKSOURCE | interrupt);
}

void delay_ms(uint32_t ms)
{
    while (ms > 0u) {
        const uint32_t slice = ms < SLICE_MS ? ms : SLICE_MS;
        systick_start(slice, 0u);
        mmio_wait_set(MXC_SYSTICK_SYST_CSR, MXC_SYSTICK_SYST_CSR_COUNTFLAG);
        ms -= slice;
    }
    mmio_write(MXC_SYSTICK_SYST_CSR, 0u);
}

void delay_heartbeat_start(uint32_t ms)
{
    systick_start(ms, MXC_SYSTICK_SYST_CSR_TICKINT);
}

void delay_heartbeat_stop(void)
{
    mmio_write(MXC_SYSTICK_SYST_CSR, 0u);
}
