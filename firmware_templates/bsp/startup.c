/* From reset to main(), and what happens on a fault. */
#include <stdint.h>

#include "board.h"
#include "console.h"
#include "core.h"
#include "gpio.h"
#include "mmio.h"
#include "startup.h"

extern uint32_t __stack_limit[], __stack_top[];
extern uint32_t __data_start[], __data_end[];
extern const uint32_t __data_load[];
extern uint32_t __bss_start[], __bss_end[];

int main(void);

typedef void (*handler_t)(void);

typedef union {
    const void *pointer;
    handler_t handler;
} vector_t;

/* What the core pushes on the stack when it takes an exception. */
typedef struct {
    uint32_t r0, r1, r2, r3, r12, lr, pc, xpsr;
} exception_frame_t;

/* As Reset_Handler spells them. */
_Static_assert(MXC_SCB_CPACR == 0xE000ED88u, "CPACR");
_Static_assert((MXC_SCB_CPACR_CP10 | MXC_SCB_CPACR_CP11) == 0x00F00000u, "CP10 and CP11");

void Reset_Handler(void);
void startup_run(void);
void fault_report(const exception_frame_t *frame, uint32_t stack);

/* The boot ROM may leave any stack pointer, so set it; floating-point registers may be used by any
 * compiled code, so switch the FPU on before the first C function. */
__attribute__((naked, noreturn, used)) void Reset_Handler(void)
{
    __asm volatile(
        "cpsid i\n\t"
        "movs r0, #0\n\t"
        "msr control, r0\n\t"
        "ldr r0, =__stack_top\n\t"
        "mov sp, r0\n\t"
        "ldr r0, =0xE000ED88\n\t" /* SCB_CPACR */
        "ldr r1, [r0]\n\t"
        "orr r1, r1, #0x00F00000\n\t"
        "str r1, [r0]\n\t"
        "dsb\n\t"
        "isb\n\t"
        "bl startup_run\n\t"
        ".ltorg\n\t");
}

/* The stack may be used up, which may be the reason: then continue at its other end. */
__attribute__((naked, noreturn, used)) static void fault_handler(void)
{
    __asm volatile(
        "tst lr, #4\n\t"
        "ite eq\n\t"
        "mrseq r0, msp\n\t"
        "mrsne r0, psp\n\t"
        "mov r1, sp\n\t"
        "ldr r2, =__stack_limit\n\t"
        "add r2, r2, #512\n\t"
        "cmp r1, r2\n\t"
        "bhs 1f\n\t"
        "ldr r1, =__stack_top\n\t"
        "mov sp, r1\n\t"
        "1:\n\t"
        "mov r1, r0\n\t"
        "bl fault_report\n\t"
        ".ltorg\n\t");
}

__attribute__((weak)) void SysTick_Handler(void)
{
}

__attribute__((section(".vectors"), used)) static const vector_t vectors[] = {
    [0] = {.pointer = __stack_top},
    [1] = {.handler = Reset_Handler},
    [2 ... 14] = {.handler = fault_handler},
    [15] = {.handler = SysTick_Handler},
    [16 ... 15 + MXC_IRQ_CNN] = {.handler = fault_handler},
    [16 + MXC_IRQ_CNN] = {.handler = CNN_Handler},
    [17 + MXC_IRQ_CNN ... 15 + MXC_IRQ_COUNT] = {.handler = fault_handler},
};

__attribute__((noreturn, used)) void startup_run(void)
{
    const uint32_t *from = __data_load;
    for (uint32_t *to = __data_start; to < __data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *word = __bss_start; word < __bss_end; word++) {
        *word = 0u;
    }
    mmio_write(MXC_SCB_VTOR, (uint32_t)(uintptr_t)vectors);
    mmio_set(MXC_SCB_SHCSR, MXC_SCB_SHCSR_MEMFAULTENA | MXC_SCB_SHCSR_BUSFAULTENA |
                                MXC_SCB_SHCSR_USGFAULTENA);
    mmio_set(MXC_SCB_CCR, MXC_SCB_CCR_DIV_0_TRP);
    /* Sleep, if anybody does, is the shallow one. */
    mmio_clear(MXC_SCB_SCR, MXC_SCB_SCR_SLEEPDEEP | MXC_SCB_SCR_SLEEPONEXIT);
    core_barrier();
    core_interrupts_on();
    (void)main();
    for (;;) {
    }
}

__attribute__((noreturn, used)) void fault_report(const exception_frame_t *frame, uint32_t stack)
{
    const uint32_t limit = (uint32_t)(uintptr_t)__stack_limit;
    const uint32_t top = (uint32_t)(uintptr_t)__stack_top;
    console_printf("\n@fault exception=%u", mmio_read(MXC_SCB_ICSR) & MXC_SCB_ICSR_VECTACTIVE);
    if (stack >= limit && stack + sizeof(*frame) <= top) {
        console_printf(" pc=%08x lr=%08x", frame->pc, frame->lr);
    } else {
        console_printf(" sp=%08x (outside the stack)", stack);
    }
    console_printf(" cfsr=%08x hfsr=%08x mmfar=%08x bfar=%08x\n", mmio_read(MXC_SCB_CFSR),
                   mmio_read(MXC_SCB_HFSR), mmio_read(MXC_SCB_MMFAR), mmio_read(MXC_SCB_BFAR));
    console_flush();
    gpio_show_verdict(false);
    for (;;) {
    }
}
