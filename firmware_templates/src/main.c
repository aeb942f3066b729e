/* Proves itself after a reset, then waits on the serial line: for commands of
 * people, which are lines of text, and for frames of programs, which begin with a zero. */
#include <stdbool.h>

#include "board.h"
#include "cnn.h"
#include "console.h"
#include "protocol.h"
#include "selftest.h"
#include "wire.h"

#define LINE_BYTES 32u

static bool equal(const char *left, const char *right)
{
    while (*left != '\0' && *left == *right) {
        left++;
        right++;
    }
    return *left == *right;
}

static void print_info(void)
{
    console_printf("Network:  %s, %u layers\n", CNN_NAME, CNN_LAYERS);
    console_printf("Digest:   %s (network)\n", CNN_NETWORK_DIGEST);
    console_printf("          %s (program)\n", CNN_PROGRAM_DIGEST);
    console_printf("Board:    %s, core %u MHz\n", BOARD_TITLE, CLOCK_HZ / 1000000u);
    console_printf("Input:    %u x %u x %u\n", CNN_INPUT_CHANNELS, CNN_INPUT_ROWS,
                   CNN_INPUT_COLUMNS);
    for (uint32_t i = 0; i < CNN_OUTPUTS; i++) {
        const cnn_output_t *output = &cnn_outputs[i];
        console_printf("Output:   %u x %u x %u, %u bits, %s\n", output->channels, output->rows,
                       output->columns, output->bits, output->name);
    }
    console_printf("Kernels:  %u bytes\n", CNN_WEIGHT_BYTES);
    console_printf("Estimate: %u CNN clock cycles\n", CNN_CYCLES);
}

static void obey(const char *line)
{
    if (equal(line, "run")) {
        protocol_forget();
        (void)selftest_run();
    } else if (equal(line, "info")) {
        wire_hello();
        print_info();
    } else if (equal(line, "help")) {
        console_printf("run   the known-answer test again\n"
                       "info  about the network and the board\n"
                       "help  this list\n");
    } else if (!equal(line, "")) {
        console_printf("unknown command: %s (try help)\n", line);
    }
}

int main(void)
{
    board_init();
    console_printf("\nmxdeploy: %s on %s\n", CNN_NAME, BOARD_TITLE);
    wire_hello();
    (void)selftest_run();
    console_printf("> ");
    for (;;) {
        char line[LINE_BYTES];
        switch (console_read_line(line, LINE_BYTES)) {
        case CONSOLE_LINE:
            obey(line);
            console_printf("> ");
            break;
        case CONSOLE_TOO_LONG:
            console_printf("the line is too long (try help)\n> ");
            break;
        case CONSOLE_ZERO:
            protocol_serve();
            break;
        }
    }
}
