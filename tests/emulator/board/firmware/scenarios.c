/* One function per test; the number comes from the image. */
#include "probe.h"

static void systick_start(uint32_t cycles, uint32_t interrupt)
{
    SYST_RVR = cycles - 1;
    SYST_CVR = 0;
    SYST_CSR = 4 | interrupt << 1 | 1;
}

static void hello(void)
{
    uart_init(64);
    text("hello from the probe\n");
    line("number", 1234567890);
    REG(GPIO(2) + 0x1C) = 7; /* all off: the lights are lit by a 0 */
    REG(GPIO(2) + 0x0C) = 7;
    REG(GPIO(2) + 0x20) = 2; /* green */
}

static void systick(void)
{
    fpu_on();
    clock_init();
    uart_init(64);
    timer_start();
    uint32_t start = timer_us();
    systick_start(100000, 1);
    while (ticks < 5) {
        __asm volatile("wfi");
    }
    line("five_ticks_us", timer_us() - start);
    SYST_CSR = 0;
    start = timer_us();
    systick_start(0x1000000, 0);
    for (uint32_t left = 200000000, last = SYST_CVR; left > 0;) {
        uint32_t now = SYST_CVR;
        uint32_t passed = (last - now) & 0xFFFFFF;
        last = now;
        left = passed < left ? left - passed : 0;
    }
    line("delay_us", timer_us() - start);
    SYST_CSR = 0;
    DEMCR = 1u << 24;
    DWT_CTRL |= 1;
    uint32_t cycles = DWT_CYCCNT;
    systick_start(1000000, 0);
    while (!(SYST_CSR & 1u << 16)) {
    }
    line("countflag_cycles", DWT_CYCCNT - cycles);
}

static void timer(void)
{
    clock_init();
    uart_init(64);
    GCR_PCLKDIS0 &= ~(1u << 15);
    TMR0(0x18) = 1u << 31 | 1u << 8;
    TMR0(0x10) = 1 | 1u << 14; /* continuous */
    TMR0(0x04) = 50000;        /* 1 ms */
    TMR0(0x00) = 1;
    NVIC_ISER(0) = 1u << 5;
    systick_start(0x1000000, 0);
    uint32_t before = SYST_CVR;
    TMR0(0x10) |= 1u << 15;
    while (timer_fired < 10) {
        __asm volatile("wfi");
    }
    line("ten_periods_cycles", (before - SYST_CVR) & 0xFFFFFF);
    TMR0(0x10) = 0 | 1u << 14; /* one-shot, without interrupt */
    TMR0(0x18) = 1u << 31;
    TMR0(0x0C) = 1;
    TMR0(0x00) = 1;
    TMR0(0x04) = 5000;
    before = SYST_CVR;
    TMR0(0x10) |= 1u << 15;
    while (!(TMR0(0x0C) & 1)) {
    }
    line("one_shot_cycles", (before - SYST_CVR) & 0xFFFFFF);
    line("one_shot_enabled", TMR0(0x10) >> 15 & 1);
}

__attribute__((noinline)) static uint32_t float_work(void)
{
    float a = 1.0f, b = 0.0f, c = 3.0f, d = 0.25f;
    for (uint32_t i = 1; i < 60000; i++) {
        a = a * 0.99993f + 1.0f / (float)i;
        b = b + a * c;
        c = 3.0f + d * 1e-3f;
        d = d * 1.00001f - b * 1e-9f;
    }
    union {
        float f;
        uint32_t u;
    } bits = {.f = a + b * 1e-6f + c + d};
    return bits.u;
}

static void float_interrupted(void)
{
    fpu_on();
    clock_init();
    uart_init(64);
    line("alone", float_work());
    systick_start(977, 1);
    line("interrupted", float_work());
    SYST_CSR = 0;
    line("ticks", ticks);
}

__attribute__((noinline)) static uint32_t deref(volatile const uint32_t *pointer)
{
    return *pointer + 1; /* MARK: load */
}

__attribute__((noinline)) static uint32_t layer(uint32_t address)
{
    return deref((volatile const uint32_t *)address) + 2; /* MARK: call */
}

static void unmapped_read(void)
{
    uart_init(64);
    text("about to fail\n");
    line("never", layer(0x60000000));
}

static void gated(void)
{
    uart_init(64);
    REG(0x40011000 + 0x10) = 0; /* TMR1 MARK: gated */
}

static void fpu_off(void)
{
    __asm volatile("vmov.f32 s0, #1.0\n vadd.f32 s0, s0, s0"); /* MARK: fpu */
    uart_init(64);
}

static void undefined(void)
{
    __asm volatile("udf #7"); /* MARK: undefined */
}

static void echo(void)
{
    clock_init();
    uart_init(64);
    text("ready\n");
    for (;;) {
        while (UART0(0x04) & 1u << 4) {
        }
        char c = (char)UART0(0x20);
        put(c >= 'a' && c <= 'z' ? (char)(c - 32) : c);
    }
}

static void cnn(void)
{
    clock_init();
    uart_init(64);
    timer_start();
    GCR_PCLKDIV = 4u << 14;
    NVIC_ISER(3) = 1u << 5; /* interrupt 101 */
    replay();
}

static void priorities(void)
{
    GCR_PCLKDIS0 &= ~1u;
    uart_init(64);
    SCB_SHPR(1) = 0x80000000; /* SVCall */
    SCB_SHPR(2) = 0x00E00000; /* PendSV */
    NVIC_IPR(6) = 0x40;       /* GPIO0 */
    NVIC_ISER(0) = 1u << 24;
    __asm volatile("svc #0");
    for (uint32_t i = 0; i < order_count; i++) {
        put((char)order[i]);
    }
    put('\n');
}

static void masked(void)
{
    fpu_on();
    clock_init();
    uart_init(64);
    __asm volatile("cpsid i" ::: "memory");
    systick_start(50000, 1);
    __asm volatile("wfi");
    SYST_CSR = 0;
    line("while_masked", ticks);
    __asm volatile("cpsie i" ::: "memory");
    for (volatile uint32_t i = 0; i < 100; i++) {
    }
    line("unmasked", ticks);
}

static uint32_t process_stack[256];

static void process_stack_svc(void)
{
    uart_init(64);
    uint32_t changed = 0, before, after;
    __asm volatile("msr psp, %3\n movs r4, #2\n msr control, r4\n isb\n"
                   "mov %1, sp\n movs r4, #77\n svc #1\n mov %0, r4\n mov %2, sp\n"
                   "movs r4, #0\n msr control, r4\n isb"
                   : "=&r"(changed), "=&r"(before), "=&r"(after)
                   : "r"(&process_stack[255])
                   : "r4", "r0", "r1", "r2", "r3", "r12", "lr", "memory");
    line("register", changed);
    line("own_stack", before == (uint32_t)&process_stack[255]);
    line("balanced", before == after);
    line("frame", process_stack[255 - 8] != 0 || process_stack[254] != 0);
}

static void flash(void)
{
    clock_init();
    uart_init(64);
    volatile uint32_t *page = (volatile uint32_t *)0x1007E000;
    FLC(0x04) = 100;
    FLC(0x00) = 0x1007E000;
    FLC(0x08) = 2u << 28 | 0x55u << 8;
    FLC(0x08) |= 1u << 2;
    while (FLC(0x08) & 1u << 24) {
    }
    line("erased", page[1] == 0xFFFFFFFF);
    FLC(0x00) = 0x1007E010;
    for (uint32_t n = 0; n < 4; n++) {
        FLC(0x30 + 4 * n) = 0x11111111 * (n + 1);
    }
    FLC(0x08) |= 1;
    while (FLC(0x08) & 1u << 24) {
    }
    FLC(0x08) = 3u << 28;
    line("written", page[4] == 0x11111111 && page[7] == 0x44444444);
    line("failed", FLC(0x24) >> 1 & 1);
    *page = 0; /* MARK: store to flash */
}

static void watchdog(void)
{
    uart_init(64);
    text("start\n");
    GCR_PCLKDIS1 &= ~(1u << 27);
    WDT0(0x00) = 15u << 4 | 1u << 11 | 1u << 8;
    for (;;) {
    }
}

static void software_reset(void)
{
    /* Not cleared at start-up: beyond the stack. */
    volatile uint32_t *survivor = (volatile uint32_t *)0x2001F000;
    uart_init(64);
    line("round", ++*survivor);
    while (!(UART0(0x04) & 1u << 6) || UART0(0x04) & 1) {
    }
    if (*survivor < 3) {
        SCB_AIRCR = 0x05FA0004;
        for (;;) {
        }
    }
}

static void conditional_stores(void)
{
    GCR_PCLKDIS0 &= ~1u;
    uart_init(64);
    NVIC_ISER(0) = 1u << 24;
    NVIC_IPR(6) = 0x40;
    uint32_t after = 0;
    /* Stores that end a stretch, in the first, middle and last place of an IT block. */
    __asm volatile("cmp %1, %1\n"
                   "itttt eq\n streq %2, [%1]\n addeq %0, #1\n streq %2, [%1]\n addeq %0, #16\n"
                   "itt eq\n addeq %0, #32\n streq %2, [%1]\n"
                   : "+r"(after)
                   : "r"(0xE000E200), "r"(1u << 24)
                   : "cc", "memory");
    for (volatile uint32_t i = 0; i < 2000; i++) {
    }
    line("after", after);
    line("taken", order_count > 0);
}

static void buttons(void)
{
    GCR_PCLKDIS0 &= ~3u;
    uart_init(64);
    REG(GPIO(0) + 0x2C) = 0;        /* falling */
    REG(GPIO(0) + 0x28) = 1u << 2;  /* edge */
    REG(GPIO(0) + 0x38) = 1u << 2;
    NVIC_ISER(0) = 1u << 24;
    text("press\n");
    while (!order_count) {
    }
    line("pressed", (REG(GPIO(0) + 0x24) >> 2 & 1) == 0);
}

static void multiple_words(void)
{
    uart_init(64);
    /* Two registers in one instruction; the first ends the stretch. */
    uint32_t a, b;
    __asm volatile("strd %2, %3, [%4]\n ldrd %0, %1, [%4]"
                   : "=r"(a), "=r"(b)
                   : "r"(5), "r"(10), "r"(0x40005800)
                   : "memory");
    line("first", a);
    line("second", b);
}

static void slow_uart(void)
{
    uart_init(768);
    text("too slow\n");
}

static void no_baud_clock(void)
{
    uart_init(64);
    UART0(0x00) = 0;
    text("0123456789");
}

static void sleep_for_ever(void)
{
    uart_init(64);
    __asm volatile("wfi"); /* MARK: sleep */
}

static void data_memory_unpowered(void)
{
    uart_init(64);
    REG(0x50400000) = 1; /* MARK: data */
}

static void unknown_register(void)
{
    uart_init(64);
    UART0(0x40) = 1; /* MARK: register */
}

static void not_on_the_board(void)
{
    REG(0x4001D000) = 1; /* MARK: i2c */
}

static void undeclared_bits(void)
{
    uart_init(64);
    UART0(0x0C) = 1u << 31; /* MARK: bits */
}

static void null_call(void)
{
    void (*volatile function)(void) = 0;
    function();
}

/* Not a tail call, so that every level needs stack. */
__attribute__((noinline)) static uint32_t recurse(uint32_t depth)
{
    volatile uint32_t room[64];
    room[depth & 63] = depth;
    return depth == 0xFFFFFFFF ? 0 : recurse(depth + 1) + room[depth & 31];
}

static void stack_overflow(void)
{
    uart_init(64);
    line("never", recurse(0));
}

__attribute__((noinline)) static void wait_for_ticks(void)
{
    while (ticks < 2) {
    }
}

static void timer_without_fpu(void)
{
    uart_init(64);
    systick_start(1000, 1);
    wait_for_ticks();
    text("not reached\n");
}

static void deaf(void)
{
    clock_init();
    uart_init(64);
    text("ready\n");
    systick_start(5000000, 0);
    while (!(SYST_CSR & 1u << 16)) {
    }
    line("level", UART0(0x04) >> 8 & 15);
}

/* Busy for 50 ms, then counts what has come, for 50 ms more. */
static void slow_reader(void)
{
    clock_init();
    uart_init(64);
    text("ready\n");
    systick_start(5000000, 0);
    while (!(SYST_CSR & 1u << 16)) {
    }
    uint32_t received = 0;
    while (!(SYST_CSR & 1u << 16)) {
        if (!(UART0(0x04) & 1u << 4)) {
            (void)UART0(0x20);
            received++;
        }
    }
    line("received", received);
}

/* Half a second between two lines. */
static void metronome(void)
{
    clock_init();
    uart_init(64);
    for (uint32_t n = 0; n < 3; n++) {
        line("beat", n);
        timer_start();
        while (timer_us() < 500000) {
        }
    }
}

/* SW1 of the board lights its green light. */
static void poll_button(void)
{
    GCR_PCLKDIS0 &= ~1u;
    REG(GPIO(2) + 0x1C) = 7;
    REG(GPIO(2) + 0x0C) = 7;
    uart_init(64);
    text("ready\n");
    while (REG(GPIO(0) + 0x24) & 1u << 2) {
    }
    REG(GPIO(2) + 0x20) = 2;
    text("pressed\n");
    while (!(REG(GPIO(0) + 0x24) & 1u << 2)) {
    }
    text("released\n");
}

/* SW1 of the board asks for a soft reset, which leaves the core alone. */
static void soft_reset(void)
{
    GCR_PCLKDIS0 &= ~1u;
    uart_init(64);
    text("ready\n");
    while (REG(GPIO(0) + 0x24) & 1u << 2) {
    }
    GCR_RST0 = 1u << 29;
    uart_init(64);
    text("went on\n");
}

static void wait_for_input(void)
{
    while (UART0(0x04) & 1u << 4) {
    }
}

/* Lines for programs and lines for people, as generated firmware prints them. */
static void wire_start(void)
{
    clock_init();
    uart_init(64);
    text("\r\nprobe on a board\r\n@hello mxdeploy probe 0123456789abcdef max78000fthr\r\n");
}

static void wire_pass(void)
{
    wire_start();
    text("@output 0 logits_0 32 6 1 1 "
         "00000001fffffffe000493e0800000007fffffff00000000\r\n@time_us 42\r\n");
    text("  cat 99 %\r\n@result PASS\r\nPASS\r\n> ");
    wait_for_input();
}

static void wire_fail(void)
{
    wire_start();
    text("@output 0 logits_0 8 2 1 3\r\n@data 01ff\r\n@data 7f8000fe\r\n@end\r\n");
    text("@result FAIL\r\nFAIL\r\n> ");
    wait_for_input();
}

static void wire_short(void)
{
    wire_start();
    text("@output 0 logits_0 8 2 1 3 01ff\r\n@result PASS\r\n> ");
    wait_for_input();
}

typedef void (*scenario_t)(void);
static const scenario_t scenarios[] = {
    hello, systick, timer, float_interrupted, unmapped_read, gated, fpu_off, undefined, echo, cnn,
    priorities, masked, process_stack_svc, flash, watchdog, software_reset, conditional_stores,
    buttons, multiple_words, slow_uart, no_baud_clock, sleep_for_ever, data_memory_unpowered,
    wire_pass, wire_fail, wire_short, unknown_register, not_on_the_board, undeclared_bits,
    null_call, stack_overflow, timer_without_fpu, deaf, slow_reader, metronome, poll_button,
    soft_reset,
};

void run_scenario(uint32_t number)
{
    scenarios[number]();
}
