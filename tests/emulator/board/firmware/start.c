/* Start-up, vectors, serial output. */
#include "probe.h"

extern uint32_t data_start[], data_end[], bss_start[], bss_end[], stack_top[];
extern const uint32_t data_load[];

volatile uint32_t ticks, cnn_done, timer_fired, order[8], order_count, quadrants;
volatile float handler_sum;

/* Changed by the test in the image. */
__attribute__((section(".scenario"), used)) const volatile uint32_t scenario = 0xABCD1234;

void put(char c)
{
    while (UART0(0x04) & 1u << 7) {
    }
    UART0(0x20) = (uint8_t)c;
}

void text(const char *s)
{
    while (*s) {
        put(*s++);
    }
}

void hex(uint32_t value)
{
    for (int shift = 28; shift >= 0; shift -= 4) {
        put("0123456789abcdef"[value >> shift & 15]);
    }
}

void decimal(uint32_t value)
{
    if (value >= 10) {
        decimal(value / 10);
    }
    put((char)('0' + value % 10));
}

void line(const char *name, uint32_t value)
{
    text(name);
    put('=');
    decimal(value);
    put('\n');
}

void clock_init(void)
{
    GCR_CLKCTRL |= 1u << 19;
    while (!(GCR_CLKCTRL & 1u << 27)) {
    }
    GCR_CLKCTRL = (GCR_CLKCTRL & ~(7u << 9)) | 4u << 9;
    while (!(GCR_CLKCTRL & 1u << 13)) {
    }
}

void uart_init(uint32_t divider)
{
    GCR_PCLKDIS0 &= ~(1u << 9 | 1u << 0);
    REG(GPIO(0) + 0x08) = 3;
    REG(GPIO(0) + 0x70) = 3;
    REG(GPIO(0) + 0x7C) = 3;
    UART0(0x10) = divider;
    UART0(0x14) = 5;
    UART0(0x00) = 1u << 15 | 2u << 16 | 3u << 10 | 1;
    while (!(UART0(0x00) & 1u << 19)) {
    }
}

void timer_start(void)
{
    GCR_PCLKDIS0 &= ~(1u << 15);
    TMR0(0x18) = 1u << 31;
    TMR0(0x10) = 1 | 1u << 14;
    while (!(TMR0(0x18) & 1u << 3)) {
    }
    TMR0(0x04) = 0xFFFFFFFF;
    TMR0(0x00) = 0;
    TMR0(0x10) |= 1u << 15;
}

uint32_t timer_us(void)
{
    return TMR0(0x00) / 50;
}

void fpu_on(void)
{
    SCB_CPACR |= 0xFu << 20;
    __asm volatile("dsb\n isb");
}

static void default_handler(void)
{
    text("unexpected exception\n");
    for (;;) {
    }
}

void systick_handler(void)
{
    ticks++;
    /* Uses floating-point registers, as a careless handler would. */
    handler_sum = handler_sum * 1.0009765625f + 0.5f;
}

static void note(uint32_t what)
{
    order[order_count++] = what;
}

void pendsv_handler(void)
{
    note('P');
}

void svc_handler(void)
{
    note('S');
    SCB_ICSR = 1u << 28; /* PendSV: weaker, waits until this handler is left */
    NVIC_ISPR(0) = 1u << 24; /* GPIO0 interrupt: stronger, interrupts this one */
    note('s');
}

static void gpio_handler(void)
{
    note('G');
    REG(GPIO(0) + 0x48) = 0xFFFFFFFF;
}

static void timer_handler(void)
{
    TMR0(0x0C) = 1;
    timer_fired++;
}

static void cnn_handler(void)
{
    for (uint32_t q = 0; quadrants >> q; q++) {
        REG(0x50100000 + q * 0x400000) &= ~(1u << 12 | 1u);
    }
    cnn_done++;
}

__attribute__((noreturn)) void reset_handler(void);

typedef void (*vector_t)(void);
__attribute__((section(".vectors"), used)) const vector_t vectors[16 + 104] = {
    [0] = (vector_t)(void *)stack_top,
    [1] = reset_handler,
    [2 ... 10] = default_handler,
    [11] = svc_handler,
    [12 ... 13] = default_handler,
    [14] = pendsv_handler,
    [15] = systick_handler,
    [16 ... 20] = default_handler,
    [21] = timer_handler,
    [22 ... 39] = default_handler,
    [40] = gpio_handler,
    [41 ... 116] = default_handler,
    [117] = cnn_handler,
    [118 ... 119] = default_handler,
};

void reset_handler(void)
{
    const uint32_t *from = data_load;
    for (uint32_t *to = data_start; to < data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *word = bss_start; word < bss_end; word++) {
        *word = 0;
    }
    run_scenario(scenario);
    text("end\n");
    for (;;) {
        __asm volatile("wfi");
    }
}
