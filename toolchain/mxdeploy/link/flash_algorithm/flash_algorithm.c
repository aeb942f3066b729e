/* Erases and programs the flash for a debugger, which loads this code into SRAM and calls it.
 *
 * It has no variables and no addresses of its own, so that it runs wherever it is loaded. The
 * debugger may have stopped any program at any point: interrupts are switched off, and the clocks
 * are set, because the flash controller must count microseconds. The functions and their results
 * (0: good) are those that CMSIS-style debuggers call. */
#include <stdint.h>

#include "mmio.h"

/* SYSTEM_CLOCK_MHZ, SYSCLK_SEL_IPO, FLASH_WAIT_STATES, FLASH_UNLOCKED, FLASH_LOCKED,
 * FLASH_ERASE_PAGE, FLASH_ERASE_ALL and FLASH_WRITE_BYTES come from the description of the chip, on
 * the compiler's command line. */

/* Polls of a register, more than a second at the highest clock: an erase takes about 20 ms. */
#define MANY 10000000u

enum { GOOD, NOT_ALIGNED, TOO_LONG, REFUSED };

int Init(uint32_t address, uint32_t clock, uint32_t purpose);
int UnInit(uint32_t purpose);
int EraseChip(void);
int EraseSector(uint32_t address);
int ProgramPage(uint32_t address, uint32_t size, const uint8_t *data);

static int wait_for(uint32_t address, uint32_t mask, uint32_t value)
{
    for (uint32_t left = MANY; left > 0u; left--) {
        if ((mmio_read(address) & mask) == value) {
            return GOOD;
        }
    }
    return TOO_LONG;
}

int Init(uint32_t address, uint32_t clock, uint32_t purpose)
{
    (void)address;
    (void)clock;
    (void)purpose;
    __asm volatile("cpsid i" ::: "memory");
    mmio_replace(MXC_GCR_MEMCTRL, MXC_GCR_MEMCTRL_FWS, FLASH_WAIT_STATES);
    mmio_set(MXC_GCR_CLKCTRL, MXC_GCR_CLKCTRL_IPO_EN);
    if (wait_for(MXC_GCR_CLKCTRL, MXC_GCR_CLKCTRL_IPO_RDY, MXC_GCR_CLKCTRL_IPO_RDY) != GOOD) {
        return TOO_LONG;
    }
    mmio_replace(MXC_GCR_CLKCTRL, MXC_GCR_CLKCTRL_SYSCLK_DIV, 0u);
    mmio_replace(MXC_GCR_CLKCTRL, MXC_GCR_CLKCTRL_SYSCLK_SEL, SYSCLK_SEL_IPO);
    if (wait_for(MXC_GCR_CLKCTRL, MXC_GCR_CLKCTRL_SYSCLK_RDY, MXC_GCR_CLKCTRL_SYSCLK_RDY) != GOOD) {
        return TOO_LONG;
    }
    if (wait_for(MXC_FLC0_CTRL, MXC_FLC0_CTRL_PEND, 0u) != GOOD) {
        return TOO_LONG;
    }
    mmio_write(MXC_FLC0_CLKDIV, SYSTEM_CLOCK_MHZ);
    return GOOD;
}

int UnInit(uint32_t purpose)
{
    (void)purpose;
    return GOOD;
}

/* One operation: unlock, start, wait for its end, lock. Flags are cleared by writing 0. */
static int operate(uint32_t code, uint32_t start)
{
    const uint32_t erase_code = mmio_field(MXC_FLC0_CTRL_ERASE_CODE, code);
    const uint32_t control = mmio_field(MXC_FLC0_CTRL_UNLOCK, FLASH_UNLOCKED) | erase_code;
    mmio_write(MXC_FLC0_INTR, 0u);
    mmio_write(MXC_FLC0_CTRL, control);
    mmio_write(MXC_FLC0_CTRL, control | start);
    const int result = wait_for(MXC_FLC0_CTRL, start | MXC_FLC0_CTRL_PEND, 0u);
    const uint32_t failed = mmio_read(MXC_FLC0_INTR) & MXC_FLC0_INTR_AF;
    mmio_write(MXC_FLC0_INTR, 0u);
    mmio_write(MXC_FLC0_CTRL, mmio_field(MXC_FLC0_CTRL_UNLOCK, FLASH_LOCKED));
    return result == GOOD && failed != 0u ? REFUSED : result;
}

int EraseChip(void)
{
    return operate(FLASH_ERASE_ALL, MXC_FLC0_CTRL_ME);
}

int EraseSector(uint32_t address)
{
    mmio_write(MXC_FLC0_ADDR, address);
    return operate(FLASH_ERASE_PAGE, MXC_FLC0_CTRL_PGE);
}

static uint32_t word_at(const uint8_t *data)
{
    return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
           (uint32_t)data[3] << 24;
}

int ProgramPage(uint32_t address, uint32_t size, const uint8_t *data)
{
    if (address % FLASH_WRITE_BYTES != 0u || size % FLASH_WRITE_BYTES != 0u) {
        return NOT_ALIGNED;
    }
    for (uint32_t done = 0; done < size; done += FLASH_WRITE_BYTES) {
        mmio_write(MXC_FLC0_ADDR, address + done);
        for (uint32_t word = 0; word < FLASH_WRITE_BYTES / 4u; word++) {
            mmio_write(MXC_FLC0_DATA(word), word_at(data + done + 4u * word));
        }
        const int result = operate(0u, MXC_FLC0_CTRL_WR);
        if (result != GOOD) {
            return result;
        }
    }
    return GOOD;
}
