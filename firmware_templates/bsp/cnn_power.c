/* Supply, clock and interrupt of the CNN accelerator, around the generated cnn.c. */
#include "cnn_power.h"

#include "board.h"
#include "core.h"
#include "gpio.h"
#include "mmio.h"

#define ALL_QUADRANTS 0xFu
#define CNN_CLOCK_PCLK 0u
#define CNN_CLOCK_UNDIVIDED 4u
/* The set-point both boards' vendor support uses for the accelerator's rail. */
#define CNN_SUPPLY 0x43u

void cnn_power_init(void)
{
    mmio_write(MXC_SIMO_VREGO_C, CNN_SUPPLY);
}

void cnn_power_on(uint32_t quadrants)
{
    gpio_cnn_boost(BOARD_CNN_USE_BOOST != 0);

    mmio_write(MXC_GCFR_REG3, ALL_QUADRANTS);              /* reset on */
    mmio_write(MXC_GCFR_REG1, quadrants);                  /* memories on */
    mmio_write(MXC_GCFR_REG0, quadrants);                  /* power on */
    mmio_write(MXC_GCFR_REG2, ~quadrants & ALL_QUADRANTS); /* isolation off */
    mmio_write(MXC_GCFR_REG3, 0u);                         /* reset off */

    mmio_replace(MXC_GCR_PCLKDIV, MXC_GCR_PCLKDIV_CNNCLKSEL, CNN_CLOCK_PCLK);
    mmio_replace(MXC_GCR_PCLKDIV, MXC_GCR_PCLKDIV_CNNCLKDIV, CNN_CLOCK_UNDIVIDED);
    mmio_clear(MXC_GCR_PCLKDIS0, MXC_GCR_PCLKDIS0_CNN);

    core_irq_enable(MXC_IRQ_CNN);
}

void cnn_power_off(void)
{
    core_irq_disable(MXC_IRQ_CNN);
    mmio_set(MXC_GCR_PCLKDIS0, MXC_GCR_PCLKDIS0_CNN);
    mmio_write(MXC_GCFR_REG3, ALL_QUADRANTS); /* reset on */
    mmio_write(MXC_GCFR_REG2, ALL_QUADRANTS); /* isolation on */
    mmio_write(MXC_GCFR_REG0, 0u);            /* power off */
    mmio_write(MXC_GCFR_REG1, 0u);            /* memories off */
    mmio_write(MXC_GCFR_REG3, 0u);            /* reset off */
    gpio_cnn_boost(false);
}
