"""The MAX78000: its registers, memories, layouts, limits, timing and peripherals."""
