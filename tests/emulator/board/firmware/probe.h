/* What the scenarios share. Addresses are written out here on purpose: they are the test's own
 * knowledge of the chip, not the package's. */
#ifndef PROBE_H
#define PROBE_H

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))

#define GCR_RST0 REG(0x40000004)
#define GCR_CLKCTRL REG(0x40000008)
#define GCR_PCLKDIV REG(0x40000018)
#define GCR_PCLKDIS0 REG(0x40000024)
#define GCR_PCLKDIS1 REG(0x40000048)
#define GCFR(n) REG(0x40005800 + 4 * (n))
#define GPIO(port) ((port) == 2 ? 0x40080400u : 0x40008000u + 0x1000u * (port))
#define UART0(offset) REG(0x40042000 + (offset))
#define TMR0(offset) REG(0x40010000 + (offset))
#define FLC(offset) REG(0x40029000 + (offset))
#define WDT0(offset) REG(0x40003000 + (offset))
#define SYST_CSR REG(0xE000E010)
#define SYST_RVR REG(0xE000E014)
#define SYST_CVR REG(0xE000E018)
#define NVIC_ISER(n) REG(0xE000E100 + 4 * (n))
#define NVIC_ISPR(n) REG(0xE000E200 + 4 * (n))
#define NVIC_IPR(n) REG(0xE000E400 + 4 * (n))
#define SCB_ICSR REG(0xE000ED04)
#define SCB_AIRCR REG(0xE000ED0C)
#define SCB_SHPR(n) REG(0xE000ED18 + 4 * (n))
#define SCB_CPACR REG(0xE000ED88)
#define DEMCR REG(0xE000EDFC)
#define DWT_CTRL REG(0xE0001000)
#define DWT_CYCCNT REG(0xE0001004)

extern volatile uint32_t ticks, cnn_done, timer_fired, order[8], order_count, quadrants;
extern volatile float handler_sum;

void put(char c);
void text(const char *s);
void hex(uint32_t value);
void decimal(uint32_t value);
void line(const char *name, uint32_t value);
void clock_init(void);
void uart_init(uint32_t divider);
void timer_start(void);
uint32_t timer_us(void);
void fpu_on(void);
void replay(void);
void run_scenario(uint32_t number);

#endif
