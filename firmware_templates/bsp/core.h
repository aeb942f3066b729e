/* Instructions and interrupt lines of the Arm Cortex-M4F core. */
#ifndef CORE_H
#define CORE_H

#include <stdint.h>

#include "mmio.h"

static inline void core_interrupts_off(void)
{
    __asm volatile("cpsid i" ::: "memory");
}

static inline void core_interrupts_on(void)
{
    __asm volatile("cpsie i\n\tisb" ::: "memory");
}

static inline void core_wait_for_interrupt(void)
{
    __asm volatile("dsb\n\twfi" ::: "memory");
}

/* Order all memory accesses before this point and all after it. */
static inline void core_barrier(void)
{
    __asm volatile("dsb\n\tisb" ::: "memory");
}

static inline void core_irq_enable(uint32_t irq)
{
    mmio_write(MXC_NVIC_ICPR(irq / 32u), 1u << (irq % 32u)); /* forget what came before */
    mmio_write(MXC_NVIC_ISER(irq / 32u), 1u << (irq % 32u));
}

static inline void core_irq_disable(uint32_t irq)
{
    mmio_write(MXC_NVIC_ICER(irq / 32u), 1u << (irq % 32u));
}

#endif
