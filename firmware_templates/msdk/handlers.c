/* Interrupt handlers under the names of the SDK's vector table; compiled inside the SDK only. */

void CNN_Handler(void);
void CNN_IRQHandler(void);
void SysTick_Handler(void);

void CNN_IRQHandler(void)
{
    CNN_Handler();
}

/* Ends the sleep in cnn_wait(). The SDK's own handler would stop the timer; its MXC_DelayAsync()
 * cannot be used beside this one, MXC_Delay() can. */
void SysTick_Handler(void)
{
}
