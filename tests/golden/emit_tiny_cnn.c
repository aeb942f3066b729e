/* ti"ny net: what is written to the accelerator. Generated; see README.md. */
#include "cnn.h"

#include "cnn_power.h"
#include "core.h"
#include "delay.h"
#include "mmio.h"
#include "startup.h"
#include "timer.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HEARTBEAT_MS 10u
#define NO_CHANNEL 0xFFFFu

typedef struct {
    uint32_t address;
    uint32_t value;
} write_t;

/* Consecutive kernel words of one processor. */
typedef struct {
    uint32_t loader; /* a byte written here moves the loader to the first kernel word */
    uint32_t port;   /* then all words go here, in ascending addresses */
    uint32_t first;  /* in cnn_weights */
    uint32_t words;
} kernels_t;

/* Consecutive bias bytes of one quadrant. */
typedef struct {
    uint32_t address;
    uint32_t first; /* in biases */
    uint32_t count;
} bias_t;

/* Up to four channels that share the words of a data memory. */
typedef struct {
    uint32_t address;
    uint16_t channel[4]; /* in each byte (or word) of a group of four */
} lanes_t;

/* weights.S */
extern const uint32_t cnn_weights[];

const cnn_output_t cnn_outputs[CNN_OUTPUTS] = {
    {"logits/0", "logits%2F0", 0x1.0000000000000p-7f, 32u, 6u, 1u, 1u, 6u},
};

static const write_t init_writes[] = {
    /* init */
    {0x50001000u, 0x00000000u}, /* AlwaysOnControl() */
};

static const write_t configure_writes[] = {
    /* layer 0: fc * / ? ?/ */
    {0x50100010u, 0x0001001du}, /* RowCount(last_row=29, pad=1) */
    /* layer 0 */
    {0x50100090u, 0x0001001du}, /* ColumnCount(last_column=29, pad=1) */
};

static const write_t start_writes[] = {
    /* start */
    {0x50100000u, 0x00100009u}, /* Ctrl(cnn_en=1, clk_en=1, mexpress=1) */
};

static const write_t acknowledge_writes[] = {
    /* acknowledge */
    {0x50100000u, 0x00100008u}, /* Ctrl(clk_en=1, mexpress=1) */
};

static const kernels_t kernels[] = {
    {0x50180001u, 0x50180000u, 0u, 18u}, /* processor 0, kernel words 0 to 7: fc * / ? ?/ */
    {0x50584011u, 0x50584000u, 18u, 9u}, /* processor 17, kernel words 4 to 7: fc * / ? ?/ */
};

static const uint8_t biases[] = {
    0, 1, 2, 3, 4, 128, 255,
};

static const bias_t bias_runs[] = {
    {0x50108000u, 0u, 5u}, /* quadrant 0, bytes 0 to 4 */
    {0x50508020u, 5u, 2u}, /* quadrant 1, bytes 8 to 9 */
};

static const lanes_t input_lanes[] = {
    {0x50400000u, {0u, 1u, 2u, NO_CHANNEL}}, /* channels 0 to 2 */
};

/* logits/0 */
static const lanes_t output0_lanes[] = {
    {0x50401000u, {0u, 1u, 2u, 3u}}, /* channels 0 to 3 */
    {0x50409000u, {4u, 5u, NO_CHANNEL, NO_CHANNEL}}, /* channels 4 to 5 */
};

static volatile bool finished;
static volatile uint32_t start_ticks;
static volatile uint32_t end_ticks;

static void write_all(const write_t *table, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        mmio_write(table[i].address, table[i].value);
    }
}

void CNN_Handler(void)
{
    end_ticks = timer_ticks();
    write_all(acknowledge_writes, COUNT(acknowledge_writes));
    core_barrier();
    finished = true;
}

void cnn_enable(void)
{
    cnn_power_on(CNN_QUADRANTS);
}

void cnn_disable(void)
{
    cnn_power_off();
}

void cnn_init(void)
{
    write_all(init_writes, COUNT(init_writes));
}

void cnn_load_weights(void)
{
    for (uint32_t i = 0; i < COUNT(kernels); i++) {
        const kernels_t *run = &kernels[i];
        *(volatile uint8_t *)(uintptr_t)run->loader = 1u;
        for (uint32_t word = 0; word < run->words; word++) {
            mmio_write(run->port + 4u * word, cnn_weights[run->first + word]);
        }
    }
}

void cnn_load_bias(void)
{
    for (uint32_t i = 0; i < COUNT(bias_runs); i++) {
        const bias_t *run = &bias_runs[i];
        for (uint32_t entry = 0; entry < run->count; entry++) {
            mmio_write(run->address + 4u * entry, biases[run->first + entry]);
        }
    }
}

void cnn_configure(void)
{
    write_all(configure_writes, COUNT(configure_writes));
}

/* Where the input's elements are. */
typedef const int8_t *input_t;
#define INPUT(element) input[element]

/* Four channels of one pixel in each word. */
static void load(input_t input)
{
    for (uint32_t i = 0; i < COUNT(input_lanes); i++) {
        const lanes_t *lanes = &input_lanes[i];
        for (uint32_t pixel = 0; pixel < CNN_INPUT_PIXELS; pixel++) {
            uint32_t word = 0;
            for (uint32_t lane = 0; lane < 4u; lane++) {
                if (lanes->channel[lane] != NO_CHANNEL) {
                    const uint32_t element = lanes->channel[lane] * CNN_INPUT_PIXELS + pixel;
                    word |= (uint32_t)(uint8_t)INPUT(element) << (8u * lane);
                }
            }
            mmio_write(lanes->address + pixel * 4u, word);
        }
    }
}

void cnn_load_input(const int8_t *input)
{
    load(input);
}

void cnn_start(void)
{
    finished = false;
    core_barrier();
    start_ticks = timer_ticks();
    write_all(start_writes, COUNT(start_writes));
}

bool cnn_wait(uint32_t timeout_ms)
{
    const uint32_t limit = timeout_ms * (CLOCK_PERIPHERAL_HZ / 1000u);
    bool in_time = true;
    delay_heartbeat_start(HEARTBEAT_MS);
    while (!finished && in_time) {
        /* Interrupts are masked from the test to the sleep: one in between still ends the sleep. */
        core_interrupts_off();
        if (!finished) {
            core_wait_for_interrupt();
        }
        core_interrupts_on();
        in_time = timer_ticks() - start_ticks <= limit;
    }
    delay_heartbeat_stop();
    return finished;
}

uint32_t cnn_ticks(void)
{
    return end_ticks - start_ticks;
}

static void unload_words(int32_t *to, const lanes_t *lanes, uint32_t count, uint32_t pixels,
                         uint32_t step_bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t pixel = 0; pixel < pixels; pixel++) {
            for (uint32_t lane = 0; lane < 4u; lane++) {
                if (lanes[i].channel[lane] != NO_CHANNEL) {
                    const uint32_t address = lanes[i].address + pixel * step_bytes + 4u * lane;
                    to[lanes[i].channel[lane] * pixels + pixel] = (int32_t)mmio_read(address);
                }
            }
        }
    }
}

void cnn_unload(cnn_outputs_t *outputs)
{
    unload_words(outputs->output0_logits_0, output0_lanes, COUNT(output0_lanes), 1u,
                 16u);
}

int32_t cnn_element(const cnn_outputs_t *outputs, uint32_t output, uint32_t element)
{
    switch (output) {
    case 0u:
        return outputs->output0_logits_0[element];
    default:
        return 0;
    }
}
