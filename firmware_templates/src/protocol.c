#include "protocol.h"

#include "board.h"
#include "cnn.h"
#include "core.h"
#include "frame.h"
#include "layers.h"
#include "protocol_layout.h"
#include "random.h"
#include "scratch.h"
#include "timer.h"
#include "uart.h"

#define NUMBER_BYTES 4u
#define DIGEST_DIGITS 64u
#define NO_SEQUENCE 0x10000u
#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "GCC " __VERSION__
#endif
#define RESET_KEY 0x5FAu /* without it the core ignores the request */

_Static_assert(PROTOCOL_HELLO_ANSWER_BOARD + 2u * (1u + PROTOCOL_TEXT_BYTES) +
                       PROTOCOL_CRC_BYTES <= PROTOCOL_BODY_BYTES, "hello fits");

static uint8_t request[PROTOCOL_BODY_BYTES];
static uint8_t answer[PROTOCOL_BODY_BYTES];
static uint32_t request_bytes; /* without the CRC */
static uint32_t answer_bytes;
static uint32_t boot;

/* The request that answer[] belongs to. */
static uint32_t answered_sequence = NO_SEQUENCE;
static uint32_t answered_crc;

static bool network_loaded;
static uint32_t layers_run; /* of the last run; 0 when there is no result */

static struct {
    uint32_t runs;
    uint32_t load_min, load_max;
    uint32_t cnn_min, cnn_max;
    uint32_t frames, dropped, repeated, overruns;
} counted;

static uint32_t number(uint32_t at, uint32_t bytes)
{
    return frame_get(&request[at], bytes);
}

static void answer_number(uint32_t at, uint32_t value)
{
    frame_put(&answer[at], value, NUMBER_BYTES);
}

static uint32_t hexadecimal(char digit)
{
    return (uint32_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static void answer_digest(uint32_t at, const char *digits)
{
    for (uint32_t i = 0; i < DIGEST_DIGITS; i += 2u) {
        answer[at + i / 2u] = (uint8_t)((hexadecimal(digits[i]) << 4u) | hexadecimal(digits[i + 1u]));
    }
}

static void answer_text(const char *text)
{
    uint32_t length = 0;
    while (length < PROTOCOL_TEXT_BYTES && text[length] != '\0') {
        answer[answer_bytes + 1u + length] = (uint8_t)text[length];
        length++;
    }
    answer[answer_bytes] = (uint8_t)length;
    answer_bytes += 1u + length;
}

static uint32_t hello(void)
{
    answer_digest(PROTOCOL_HELLO_ANSWER_NETWORK, CNN_NETWORK_DIGEST);
    answer_digest(PROTOCOL_HELLO_ANSWER_PROGRAM, CNN_PROGRAM_DIGEST);
    frame_put(&answer[PROTOCOL_HELLO_ANSWER_CHANNELS], CNN_INPUT_CHANNELS, 2u);
    frame_put(&answer[PROTOCOL_HELLO_ANSWER_ROWS], CNN_INPUT_ROWS, 2u);
    frame_put(&answer[PROTOCOL_HELLO_ANSWER_COLUMNS], CNN_INPUT_COLUMNS, 2u);
    answer[PROTOCOL_HELLO_ANSWER_LAYERS] = (uint8_t)CNN_LAYERS;
    answer[PROTOCOL_HELLO_ANSWER_OUTPUTS] = (uint8_t)CNN_OUTPUTS;
    answer_number(PROTOCOL_HELLO_ANSWER_TIMER_HZ, CLOCK_PERIPHERAL_HZ);
    answer_number(PROTOCOL_HELLO_ANSWER_CYCLES, CNN_CYCLES);
    answer_number(PROTOCOL_HELLO_ANSWER_CNN_HZ, CLOCK_PERIPHERAL_HZ); /* undivided, cnn_power.c */
    answer_number(PROTOCOL_HELLO_ANSWER_INPUT_ROOM, LAYERS_INPUT_ROOM);
    answer_bytes = PROTOCOL_HELLO_ANSWER_BYTES;
    answer_text(BOARD_NAME);
    answer_text(COMPILER);
    return PROTOCOL_STATUS_OK;
}

#if LAYERS_INPUT_ROOM > 0
static uint32_t load(void)
{
    const uint32_t offset = number(PROTOCOL_LOAD_REQUEST_OFFSET, NUMBER_BYTES);
    const uint32_t count = request_bytes - PROTOCOL_LOAD_REQUEST_BYTES;
    if (offset > CNN_INPUT_BYTES || count > CNN_INPUT_BYTES - offset) {
        return PROTOCOL_STATUS_RANGE;
    }
    for (uint32_t i = 0; i < count; i++) {
        scratch.input[offset + i] = (int8_t)request[PROTOCOL_LOAD_REQUEST_BYTES + i];
    }
    return PROTOCOL_STATUS_OK;
}

static void load_network(void)
{
    if (!network_loaded) {
        cnn_enable();
        cnn_init();
        cnn_load_weights();
        cnn_load_bias();
        cnn_configure();
        network_loaded = true;
    }
}

static void note(uint32_t value, uint32_t *smallest, uint32_t *largest)
{
    if (counted.runs == 0u || value < *smallest) {
        *smallest = value;
    }
    if (counted.runs == 0u || value > *largest) {
        *largest = value;
    }
}

static uint32_t run(void)
{
    const uint32_t layers = number(PROTOCOL_RUN_REQUEST_LAYERS, 1u);
    if (layers < LAYERS_LEAST || layers > CNN_LAYERS) {
        return PROTOCOL_STATUS_RANGE;
    }
    layers_run = 0;
    const uint32_t crc = frame_crc(0, (const uint8_t *)scratch.input, CNN_INPUT_BYTES);
    if (crc != number(PROTOCOL_RUN_REQUEST_INPUT_CRC, NUMBER_BYTES)) {
        return PROTOCOL_STATUS_INPUT;
    }
    load_network();
    layers_limit(layers);
    const uint32_t start = timer_ticks();
    cnn_load_input(scratch.input);
    const uint32_t load_ticks = timer_ticks() - start;
    cnn_start();
    if (!cnn_wait(PROTOCOL_RUN_MS)) {
        cnn_disable();
        network_loaded = false;
        return PROTOCOL_STATUS_TIMEOUT;
    }
    if (layers == CNN_LAYERS) {
        note(load_ticks, &counted.load_min, &counted.load_max);
        note(cnn_ticks(), &counted.cnn_min, &counted.cnn_max);
        counted.runs++;
    }
    layers_run = layers;
    answer_number(PROTOCOL_RUN_ANSWER_LOAD_TICKS, load_ticks);
    answer_number(PROTOCOL_RUN_ANSWER_CNN_TICKS, cnn_ticks());
    answer_bytes = PROTOCOL_RUN_ANSWER_BYTES;
    return PROTOCOL_STATUS_OK;
}
#else
static uint32_t load(void)
{
    return PROTOCOL_STATUS_NO_ROOM;
}

static uint32_t run(void)
{
    return PROTOCOL_STATUS_NO_ROOM;
}
#endif

static uint32_t read_tensor(const layers_tensor_t *tensor, uint32_t first, uint32_t count)
{
    const uint32_t bytes = count * (tensor->bits / 8u);
    if (first > tensor->elements || count > tensor->elements - first ||
        bytes > PROTOCOL_CHUNK_BYTES) {
        return PROTOCOL_STATUS_RANGE;
    }
    layers_read(tensor, first, count, &answer[PROTOCOL_ANSWER_HEADER_BYTES]);
    answer_bytes = PROTOCOL_ANSWER_HEADER_BYTES + bytes;
    return PROTOCOL_STATUS_OK;
}

static uint32_t read_output(void)
{
    const uint32_t index = number(PROTOCOL_READ_OUTPUT_REQUEST_OUTPUT, 1u);
    if (index >= CNN_OUTPUTS) {
        return PROTOCOL_STATUS_RANGE;
    }
    if (layers_run != CNN_LAYERS) {
        return PROTOCOL_STATUS_NO_RESULT;
    }
    return read_tensor(&layers_outputs[index],
                       number(PROTOCOL_READ_OUTPUT_REQUEST_FIRST, NUMBER_BYTES),
                       number(PROTOCOL_READ_OUTPUT_REQUEST_COUNT, 2u));
}

static uint32_t read_layer(void)
{
    const uint32_t index = number(PROTOCOL_READ_LAYER_REQUEST_LAYER, 1u);
    if (index >= CNN_LAYERS) {
        return PROTOCOL_STATUS_RANGE;
    }
    if (layers_run != index + 1u) {
        return PROTOCOL_STATUS_NO_RESULT;
    }
    return read_tensor(&layers_tensors[index],
                       number(PROTOCOL_READ_LAYER_REQUEST_FIRST, NUMBER_BYTES),
                       number(PROTOCOL_READ_LAYER_REQUEST_COUNT, 2u));
}

static uint32_t statistics(void)
{
    counted.overruns += uart_overrun() ? 1u : 0u;
    answer_number(PROTOCOL_STATISTICS_ANSWER_RUNS, counted.runs);
    answer_number(PROTOCOL_STATISTICS_ANSWER_LOAD_TICKS_MIN, counted.load_min);
    answer_number(PROTOCOL_STATISTICS_ANSWER_LOAD_TICKS_MAX, counted.load_max);
    answer_number(PROTOCOL_STATISTICS_ANSWER_CNN_TICKS_MIN, counted.cnn_min);
    answer_number(PROTOCOL_STATISTICS_ANSWER_CNN_TICKS_MAX, counted.cnn_max);
    answer_number(PROTOCOL_STATISTICS_ANSWER_FRAMES, counted.frames);
    answer_number(PROTOCOL_STATISTICS_ANSWER_DROPPED, counted.dropped);
    answer_number(PROTOCOL_STATISTICS_ANSWER_REPEATED, counted.repeated);
    answer_number(PROTOCOL_STATISTICS_ANSWER_OVERRUNS, counted.overruns);
    answer_bytes = PROTOCOL_STATISTICS_ANSWER_BYTES;
    return PROTOCOL_STATUS_OK;
}

static uint32_t echo(void)
{
    for (uint32_t i = PROTOCOL_HEADER_BYTES; i < request_bytes; i++) {
        answer[answer_bytes++] = request[i];
    }
    return PROTOCOL_STATUS_OK;
}

static uint32_t nothing(void)
{
    return PROTOCOL_STATUS_OK;
}

typedef struct {
    uint32_t type;
    uint32_t (*obey)(void);
    uint32_t least, most; /* bytes of the request, CRC left out */
} command_t;

static const command_t commands[] = {
    {PROTOCOL_HELLO, hello, PROTOCOL_HELLO_REQUEST_BYTES, PROTOCOL_HELLO_REQUEST_BYTES},
    {PROTOCOL_LOAD, load, PROTOCOL_LOAD_REQUEST_BYTES,
     PROTOCOL_LOAD_REQUEST_BYTES + PROTOCOL_CHUNK_BYTES},
    {PROTOCOL_RUN, run, PROTOCOL_RUN_REQUEST_BYTES, PROTOCOL_RUN_REQUEST_BYTES},
    {PROTOCOL_READ_OUTPUT, read_output, PROTOCOL_READ_OUTPUT_REQUEST_BYTES,
     PROTOCOL_READ_OUTPUT_REQUEST_BYTES},
    {PROTOCOL_READ_LAYER, read_layer, PROTOCOL_READ_LAYER_REQUEST_BYTES,
     PROTOCOL_READ_LAYER_REQUEST_BYTES},
    {PROTOCOL_STATISTICS, statistics, PROTOCOL_STATISTICS_REQUEST_BYTES,
     PROTOCOL_STATISTICS_REQUEST_BYTES},
    {PROTOCOL_ECHO, echo, PROTOCOL_ECHO_REQUEST_BYTES,
     PROTOCOL_ECHO_REQUEST_BYTES + PROTOCOL_CHUNK_BYTES},
    {PROTOCOL_RESET, nothing, PROTOCOL_RESET_REQUEST_BYTES, PROTOCOL_RESET_REQUEST_BYTES},
};

/* Put the fields of the answer behind its header and give the status. */
static uint32_t obey(void)
{
    if (request[PROTOCOL_VERSION_AT] != PROTOCOL_VERSION) {
        return PROTOCOL_STATUS_VERSION;
    }
    const uint32_t type = request[PROTOCOL_TYPE_AT];
    if (type != PROTOCOL_HELLO && number(PROTOCOL_BOOT_AT, NUMBER_BYTES) != boot) {
        return PROTOCOL_STATUS_RESTARTED;
    }
    for (uint32_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (commands[i].type == type) {
            if (request_bytes < commands[i].least || request_bytes > commands[i].most) {
                return PROTOCOL_STATUS_LENGTH;
            }
            return commands[i].obey();
        }
    }
    return PROTOCOL_STATUS_COMMAND;
}

static void make_answer(void)
{
    answer_bytes = PROTOCOL_ANSWER_HEADER_BYTES;
    const uint32_t status = obey();
    if (status != PROTOCOL_STATUS_OK) {
        answer_bytes = PROTOCOL_ANSWER_HEADER_BYTES;
    }
    answer[PROTOCOL_VERSION_AT] = PROTOCOL_VERSION;
    answer[PROTOCOL_TYPE_AT] = (uint8_t)(request[PROTOCOL_TYPE_AT] | PROTOCOL_ANSWER_BIT);
    frame_put(&answer[PROTOCOL_SEQUENCE_AT], number(PROTOCOL_SEQUENCE_AT, 2u), 2u);
    answer_number(PROTOCOL_BOOT_AT, boot);
    answer[PROTOCOL_STATUS_AT] = (uint8_t)status;
}

/* Different after every reset: random, and the moment at which the first frame came. */
static void choose_boot_number(void)
{
    while (boot == PROTOCOL_BOOT_ANY) {
        boot = random_word() ^ timer_ticks();
    }
}

static void reset_board(void)
{
    uart_flush();
    core_barrier();
    mmio_write(MXC_SCB_AIRCR,
               mmio_field(MXC_SCB_AIRCR_VECTKEY, RESET_KEY) | MXC_SCB_AIRCR_SYSRESETREQ);
    core_barrier();
    for (;;) {
    }
}

void protocol_forget(void)
{
    network_loaded = false;
    layers_run = 0;
}

void protocol_serve(void)
{
    const uint32_t length = frame_receive(request, sizeof(request));
    counted.overruns += uart_overrun() ? 1u : 0u;
    if (length == 0u || (request[PROTOCOL_TYPE_AT] & PROTOCOL_ANSWER_BIT) != 0u) {
        counted.dropped++;
        return;
    }
    counted.frames++;
    choose_boot_number();
    request_bytes = length - PROTOCOL_CRC_BYTES;
    const uint32_t sequence = number(PROTOCOL_SEQUENCE_AT, 2u);
    const uint32_t crc = number(request_bytes, PROTOCOL_CRC_BYTES);
    if (sequence == answered_sequence && crc == answered_crc) {
        counted.repeated++;
        frame_send(answer, answer_bytes);
        return;
    }
    make_answer();
    answered_sequence = sequence;
    answered_crc = crc;
    frame_send(answer, answer_bytes);
    if (request[PROTOCOL_TYPE_AT] == PROTOCOL_RESET && answer[PROTOCOL_STATUS_AT] == PROTOCOL_STATUS_OK) {
        reset_board();
    }
}
