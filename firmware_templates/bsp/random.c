#include "random.h"

#include "mmio.h"

#define PATIENCE 100000u /* readings of the status */

uint32_t random_word(void)
{
    mmio_clear(MXC_GCR_PCLKDIS1, MXC_GCR_PCLKDIS1_TRNG);
    for (uint32_t i = 0; i < PATIENCE; i++) {
        if ((mmio_read(MXC_TRNG_STATUS) & MXC_TRNG_STATUS_RDY) != 0u) {
            return mmio_read(MXC_TRNG_DATA);
        }
    }
    return 0;
}
