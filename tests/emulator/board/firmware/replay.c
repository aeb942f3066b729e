/* Plays a table of accesses to the accelerator that the test put behind the program. */
#include "probe.h"

#define TABLE 0x10010000

enum { END, WRITE_WORDS, WRITE_BYTE, COMPARE, WAIT, QUADRANTS };

/* Each entry: kind, address, count, stride, then count words. COMPARE has (mask, value) pairs,
 * QUADRANTS the mask of those in use in place of an address. */
void replay(void)
{
    const uint32_t *entry = (const uint32_t *)TABLE;
    uint32_t wrong = 0, compared = 0, started = 0;
    for (;;) {
        uint32_t kind = entry[0], address = entry[1], count = entry[2], stride = entry[3];
        const uint32_t *words = entry + 4;
        if (kind == END) {
            break;
        } else if (kind == QUADRANTS) {
            quadrants = address;
        } else if (kind == WRITE_WORDS) {
            volatile uint32_t *to = (volatile uint32_t *)address;
            for (uint32_t n = 0; n < count; n++, to += stride / 4) {
                *to = words[n];
            }
        } else if (kind == WRITE_BYTE) {
            *(volatile uint8_t *)address = (uint8_t)words[0];
        } else if (kind == COMPARE) {
            for (uint32_t n = 0; n < count; n += 2, address += stride) {
                compared++;
                wrong += (REG(address) & words[n]) != words[n + 1];
            }
        } else if (kind == WAIT) {
            started = timer_us();
            while (!cnn_done) {
                __asm volatile("wfi");
            }
            line("cnn_us", timer_us() - started);
        }
        entry = words + count;
    }
    line("compared", compared);
    line("wrong", wrong);
}
