/* Interrupt handlers that the program provides. */
#ifndef STARTUP_H
#define STARTUP_H

void CNN_Handler(void);
void SysTick_Handler(void);

#endif
