/* Lines for programs: each begins with "@".
 *
 * @hello mxdeploy NAME NETWORK_DIGEST BOARD     the first 16 digits of the digest
 * @output INDEX NAME BITS CHANNELS ROWS COLUMNS HEX
 * @output_crc INDEX NAME BITS CHANNELS ROWS COLUMNS CRC
 * @model INDEX NAME real|position ELEMENTS CRC
 * @time_us MICROSECONDS
 * @result PASS|FAIL
 *
 * HEX holds the elements in channels x rows x columns order, two digits each (BITS 8) or eight
 * (BITS 32), in two's complement. Beyond 64 elements it is left out, and lines "@data HEX" of at
 * most 64 elements follow, ended by "@end". @output_crc takes the place of
 * @output where there is no room for outputs in the SRAM. CRC is the CRC-32 of an output's elements,
 * or of an output of the model, whose numbers have four bytes each; the least significant byte comes
 * first. Names are percent-encoded.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "cnn.h"

void wire_hello(void);
void wire_outputs(const cnn_outputs_t *outputs);
void wire_output_crc(uint32_t index, uint32_t crc);
void wire_model(uint32_t index, uint32_t crc);
void wire_time_us(uint32_t microseconds);
void wire_result(bool pass);

#endif
