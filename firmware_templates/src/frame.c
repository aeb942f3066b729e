/* The receiver gets 8 bytes of slack from the UART's FIFO and spends far less than the time of a
 * byte on the line (8,680 core cycles at 115200 baud) on each: no byte is lost while it runs. */
#include "frame.h"

#include "protocol_layout.h"
#include "timer.h"
#include "uart.h"

#define LONGEST_RUN 254u
#define LOOKS 8u /* at the UART before one at the timer */
#define GAP_TICKS (PROTOCOL_FRAME_GAP_MS * (CLOCK_PERIPHERAL_HZ / 1000u))

/* What four zero bits do to each value of the lowest four. */
static const uint32_t four_bits[16] = {
    0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u,
    0x4DB26158u, 0x5005713Cu, 0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
    0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
};

uint32_t frame_crc(uint32_t crc, const uint8_t *bytes, uint32_t count)
{
    crc = ~crc;
    for (uint32_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        crc = (crc >> 4u) ^ four_bits[crc & 0xFu];
        crc = (crc >> 4u) ^ four_bits[crc & 0xFu];
    }
    return ~crc;
}

uint32_t frame_get(const uint8_t *from, uint32_t bytes)
{
    uint32_t value = 0;
    for (uint32_t i = bytes; i > 0u; i--) {
        value = (value << 8u) | from[i - 1u];
    }
    return value;
}

void frame_put(uint8_t *to, uint32_t value, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> (8u * i));
    }
}

/* How many bytes have come; 0 after a silence. */
static uint32_t await_bytes(void)
{
    const uint32_t start = timer_ticks();
    do {
        for (uint32_t look = 0; look < LOOKS; look++) {
            const uint32_t level = uart_level();
            if (level != 0u) {
                return level;
            }
        }
    } while (timer_ticks() - start <= GAP_TICKS);
    return 0;
}

uint32_t frame_receive(uint8_t *body, uint32_t size)
{
    uint32_t length = 0;
    uint32_t code = 0; /* of the run that is being received; 0 before the first one */
    uint32_t left = 0; /* bytes that are missing in it */
    bool fits = true;
    uint32_t waiting = 0;
    for (;;) {
        if (waiting == 0u) {
            waiting = await_bytes();
            if (waiting == 0u) {
                return 0;
            }
        }
        waiting--;
        uint8_t byte = uart_take();
        if (byte == 0u) {
            if (code == 0u) {
                continue;
            }
            if (left != 0u || !fits || length < PROTOCOL_HEADER_BYTES + PROTOCOL_CRC_BYTES) {
                return 0;
            }
            const uint32_t count = length - PROTOCOL_CRC_BYTES;
            const uint32_t crc = frame_get(&body[count], PROTOCOL_CRC_BYTES);
            return frame_crc(0, body, count) == crc ? length : 0u;
        }
        if (left == 0u) {
            /* A code byte; the run before it ended with a zero unless it was a full one. */
            const bool zero = code != 0u && code != LONGEST_RUN + 1u;
            code = byte;
            left = code - 1u;
            if (!zero) {
                continue;
            }
            byte = 0;
        } else {
            left--;
        }
        fits = fits && length < size;
        if (fits) {
            body[length++] = byte;
        }
    }
}

void frame_send(uint8_t *body, uint32_t count)
{
    frame_put(&body[count], frame_crc(0, body, count), PROTOCOL_CRC_BYTES);
    count += PROTOCOL_CRC_BYTES;
    uart_write(0);
    for (uint32_t at = 0; at <= count;) {
        uint32_t run = 0;
        while (run < LONGEST_RUN && at + run < count && body[at + run] != 0u) {
            run++;
        }
        uart_write((uint8_t)(run + 1u));
        for (uint32_t i = 0; i < run; i++) {
            uart_write(body[at + i]);
        }
        at += run;
        if (run < LONGEST_RUN) {
            at++; /* the zero, or the end */
        } else if (at == count) {
            break; /* a full run at the end stands for itself */
        }
    }
    uart_write(0);
}
