"""Models of the microcontroller's peripherals, one file per family."""
