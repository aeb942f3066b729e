/* Access to memory-mapped registers: always 32 bits wide. */
#ifndef MMIO_H
#define MMIO_H

#include <stdint.h>

#include "mxc_registers.h"

static inline uint32_t mmio_read(uint32_t address)
{
    return *(volatile const uint32_t *)(uintptr_t)address;
}

static inline void mmio_write(uint32_t address, uint32_t value)
{
    *(volatile uint32_t *)(uintptr_t)address = value;
}

static inline void mmio_set(uint32_t address, uint32_t mask)
{
    mmio_write(address, mmio_read(address) | mask);
}

static inline void mmio_clear(uint32_t address, uint32_t mask)
{
    mmio_write(address, mmio_read(address) & ~mask);
}

/* A value moved to where a field's mask begins. */
static inline uint32_t mmio_field(uint32_t mask, uint32_t value)
{
    return (value * (mask & (~mask + 1u))) & mask;
}

/* Replace one field, keep the others. */
static inline void mmio_replace(uint32_t address, uint32_t mask, uint32_t value)
{
    mmio_write(address, (mmio_read(address) & ~mask) | mmio_field(mask, value));
}

/* Wait until all bits of the mask are one, or all are zero. */
static inline void mmio_wait_set(uint32_t address, uint32_t mask)
{
    while ((mmio_read(address) & mask) != mask) {
    }
}

static inline void mmio_wait_clear(uint32_t address, uint32_t mask)
{
    while ((mmio_read(address) & mask) != 0u) {
    }
}

#endif
