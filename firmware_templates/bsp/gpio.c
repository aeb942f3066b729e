/* Output pins: lights and the accelerator's external supply. */
#include "gpio.h"

#include <stdint.h>

#include "board.h"
#include "mmio.h"

typedef struct {
    uint32_t base; /* of the port's registers */
    uint32_t mask;
    bool active_low;
} output_pin_t;

#define REGISTER(name) (MXC_GPIO0_##name - MXC_GPIO0_BASE)

static const output_pin_t green = BOARD_LED_GREEN;
static const output_pin_t red = BOARD_LED_RED;
static const output_pin_t boost = BOARD_CNN_BOOST;

static void write_pin(output_pin_t pin, bool active)
{
    const bool high = active != pin.active_low;
    mmio_write(pin.base + (high ? REGISTER(OUT_SET) : REGISTER(OUT_CLR)), pin.mask);
}

static void init_pin(output_pin_t pin)
{
    write_pin(pin, false);
    mmio_write(pin.base + REGISTER(EN0_SET), pin.mask);
    mmio_write(pin.base + REGISTER(EN1_CLR), pin.mask);
    mmio_write(pin.base + REGISTER(EN2_CLR), pin.mask);
    mmio_write(pin.base + REGISTER(OUTEN_SET), pin.mask);
}

void gpio_init(void)
{
    mmio_clear(MXC_GCR_PCLKDIS0, MXC_GCR_PCLKDIS0_GPIO0 | MXC_GCR_PCLKDIS0_GPIO1);
    mmio_clear(MXC_LPGCR_PCLKDIS, MXC_LPGCR_PCLKDIS_GPIO2);
    mmio_set(MXC_GPIO0_VSSEL, BOARD_GPIO0_HIGH_VOLTAGE);
    mmio_set(MXC_GPIO1_VSSEL, BOARD_GPIO1_HIGH_VOLTAGE);
    mmio_set(MXC_GPIO2_VSSEL, BOARD_GPIO2_HIGH_VOLTAGE);
    init_pin(green);
    init_pin(red);
    init_pin(boost);
}

void gpio_show_verdict(bool good)
{
    write_pin(green, good);
    write_pin(red, !good);
}

void gpio_cnn_boost(bool on)
{
    write_pin(boost, on);
}
