/* Frames of the serial protocol: bytes without zeros between two zeros (COBS), ended by a CRC. */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* CRC-32 as in zlib and Ethernet; begin with 0, or go on with what it gave. */
uint32_t frame_crc(uint32_t crc, const uint8_t *bytes, uint32_t count);

/* Numbers are little-endian. */
uint32_t frame_get(const uint8_t *from, uint32_t bytes);
void frame_put(uint8_t *to, uint32_t value, uint32_t bytes);

/* Receive a body whose opening zero has come. Empty frames are passed over. Gives the number of
 * bytes with the CRC, or 0 for a damaged or too long frame, or when the line fell silent inside.
 * Polls fast enough for a line without flow control: see frame.c. */
uint32_t frame_receive(uint8_t *body, uint32_t size);

/* Append the CRC, for which there must be room, and send. */
void frame_send(uint8_t *body, uint32_t count);

#endif
