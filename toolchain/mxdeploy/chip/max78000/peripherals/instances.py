"""Where every peripheral and memory of the microcontroller lies, and every interrupt line.

Source: device headers and user guide chapter 3; where the shipped SVD file differs (AES, RTC, SPI,
TMR4/5, UART3) it is wrong. Sizes of windows are the distance to the next peripheral, at most 4 KB.
"""

from __future__ import annotations

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.peripherals.model import Instance, Interrupt, Region

INSTANCES: tuple[Instance, ...] = tuple(
    Instance(name=name, block=block, base=base, size_bytes=size)
    for name, block, base, size in (
        ("GCR", "GCR", 0x4000_0000, 0x400),
        ("SIR", "SIR", 0x4000_0400, 0x400),
        ("FCR", "FCR", 0x4000_0800, 0x400),
        ("WDT0", "WDT", 0x4000_3000, 0x400),
        ("DVS", "DVS", 0x4000_3C00, 0x400),
        ("SIMO", "SIMO", 0x4000_4400, 0x400),
        ("TRIMSIR", "TRIMSIR", 0x4000_5400, 0x400),
        ("GCFR", "GCFR", 0x4000_5800, 0x400),
        ("RTC", "RTC", 0x4000_6000, 0x400),
        ("WUT", "WUT", 0x4000_6400, 0x400),
        ("PWRSEQ", "PWRSEQ", 0x4000_6800, 0x400),
        ("MCR", "MCR", 0x4000_6C00, 0x400),
        ("AES", "AES", 0x4000_7400, 0x400),
        ("AESKEY", "AESKEY", 0x4000_7800, 0x400),
        ("GPIO0", "GPIO", 0x4000_8000, 0x1000),
        ("GPIO1", "GPIO", 0x4000_9000, 0x1000),
        ("PCIF", "PCIF", 0x4000_E000, 0x1000),
        ("CRC", "CRC", 0x4000_F000, 0x1000),
        ("TMR0", "TMR", 0x4001_0000, 0x1000),
        ("TMR1", "TMR", 0x4001_1000, 0x1000),
        ("TMR2", "TMR", 0x4001_2000, 0x1000),
        ("TMR3", "TMR", 0x4001_3000, 0x1000),
        ("I2C0", "I2C", 0x4001_D000, 0x1000),
        ("I2C1", "I2C", 0x4001_E000, 0x1000),
        ("I2C2", "I2C", 0x4001_F000, 0x1000),
        ("DMA", "DMA", 0x4002_8000, 0x1000),
        ("FLC0", "FLC", 0x4002_9000, 0x400),
        ("ICC0", "ICC", 0x4002_A000, 0x800),
        ("ICC1", "ICC", 0x4002_A800, 0x800),
        ("ADC", "ADC", 0x4003_4000, 0x1000),
        ("PTG", "PTG", 0x4003_C000, 0x20),
        ("PT0", "PT", 0x4003_C020, 0x20),
        ("PT1", "PT", 0x4003_C040, 0x20),
        ("PT2", "PT", 0x4003_C060, 0x20),
        ("PT3", "PT", 0x4003_C080, 0x20),
        ("OWM", "OWM", 0x4003_D000, 0x1000),
        ("SEMA", "SEMA", 0x4003_E000, 0x1000),
        ("UART0", "UART", 0x4004_2000, 0x1000),
        ("UART1", "UART", 0x4004_3000, 0x1000),
        ("UART2", "UART", 0x4004_4000, 0x1000),
        ("SPI1", "SPI", 0x4004_6000, 0x1000),
        ("TRNG", "TRNG", 0x4004_D000, 0x1000),
        ("I2S", "I2S", 0x4006_0000, 0x1000),
        ("LPGCR", "LPGCR", 0x4008_0000, 0x400),
        ("GPIO2", "GPIO", 0x4008_0400, 0x200),
        ("GPIO3", "GPIO", 0x4008_0600, 0x200),
        ("WDT1", "WDT", 0x4008_0800, 0x400),
        ("TMR4", "TMR", 0x4008_0C00, 0x400),
        ("TMR5", "TMR", 0x4008_1000, 0x400),
        ("UART3", "UART", 0x4008_1400, 0x400),
        ("LPCOMP1", "LPCOMP", 0x4008_8000, 0x4),
        ("LPCOMP2", "LPCOMP", 0x4008_8004, 0x4),
        ("LPCOMP3", "LPCOMP", 0x4008_8008, 0x4),
        ("SPI0", "SPI", 0x400B_E000, 0x400),
        ("DWT", "DWT", 0xE000_1000, 0x1000),
        ("SysTick", "SYSTICK", 0xE000_E010, 0x10),
        ("NVIC", "NVIC", 0xE000_E100, 0xC00),
        ("SCB", "SCB", 0xE000_ED00, 0xF0),
        ("DebugControl", "DEBUG", 0xE000_EDF0, 0x10),
        ("FPU", "FPU", 0xE000_EF30, 0x18),
    )
)

INTERRUPTS: tuple[Interrupt, ...] = tuple(
    Interrupt(name=name, number=number, riscv_number=riscv)
    for name, number, riscv in (
        ("PF", 0, 4),
        ("WDT0", 1, 5),
        ("RTC", 3, 7),
        ("TRNG", 4, 47),
        ("TMR0", 5, 8),
        ("TMR1", 6, 9),
        ("TMR2", 7, 10),
        ("TMR3", 8, 11),
        ("TMR4", 9, 12),
        ("TMR5", 10, 13),
        ("I2C0", 13, 14),
        ("UART0", 14, 15),
        ("UART1", 15, 18),
        ("SPI1", 16, 22),
        ("ADC", 20, 53),
        ("FLC0", 23, 24),
        ("GPIO0", 24, 25),
        ("GPIO1", 25, 26),
        ("GPIO2", 26, 27),
        ("DMA0", 28, 28),
        ("DMA1", 29, 29),
        ("DMA2", 30, 30),
        ("DMA3", 31, 31),
        ("UART2", 34, 19),
        ("I2C1", 36, 17),
        ("WUT", 53, 23),
        ("GPIOWAKE", 54, 6),
        ("SPI0", 56, None),
        ("WDT1", 57, 48),
        ("PT", 59, 52),
        ("I2C2", 62, 20),
        ("RISCV", 63, None),
        ("OWM", 67, 54),
        ("ECC", 82, None),
        ("DVS", 83, 49),
        ("SIMO", 84, 50),
        ("UART3", 88, 21),
        ("PCIF", 91, 59),
        ("AES", 97, 46),
        ("I2S", 99, 55),
        ("CNN_FIFO", 100, 56),
        ("CNN", 101, 57),
        ("LPCMP", 103, None),
    )
)

REGIONS: tuple[Region, ...] = (
    Region(
        name="ROM", base=0, size_bytes=0x2_0000, kind="rom",
        text="boot ROM; hands over to the application in flash",
    ),
    Region(
        name="flash", base=mem.FLASH_BASE, size_bytes=mem.FLASH_BYTES, kind="flash",
        text="program memory, 64 pages of 8 KB, 128-bit writes",
    ),
    Region(
        name="information block", base=0x1080_0000, size_bytes=0x4000, kind="flash",
        text="trims and serial number; opened by the unlock sequence of FLC_ACTRL",
    ),
    Region(
        name="sysram0", base=0x2000_0000, size_bytes=0x8000, kind="sram",
        text="32 KB, optional error correction, Arm core only",
    ),
    Region(
        name="sysram1", base=0x2000_8000, size_bytes=0x8000, kind="sram",
        text="32 KB, Arm core only",
    ),
    Region(
        name="sysram2", base=0x2001_0000, size_bytes=0xC000, kind="sram",
        text="48 KB, also of the RISC-V core",
    ),
    Region(
        name="sysram3", base=0x2001_C000, size_bytes=0x4000, kind="sram",
        text="16 KB, also of the RISC-V core, or its cache",
    ),
    Region(
        name="SRAM bit-band", base=0x2200_0000, size_bytes=0x200_0000, kind="alias",
        text="one word per bit of 0x20000000..0x200FFFFF",
    ),
    Region(
        name="peripheral bit-band", base=0x4200_0000, size_bytes=0x200_0000, kind="alias",
        text="one word per bit of 0x40000000..0x400FFFFF",
    ),
    Region(
        name="peripherals", base=0x4000_0000, size_bytes=0x10_0000, kind="window",
        text="APB and AHB peripherals",
    ),
    Region(
        name="accelerator control", base=mem.CNN_BASE,
        size_bytes=mem.QUADRANT_BASE - mem.CNN_BASE, kind="window",
        text="FIFOs and always-on control of the CNN accelerator",
    ),
    Region(
        name="accelerator quadrants", base=mem.QUADRANT_BASE,
        size_bytes=mem.QUADRANTS * mem.QUADRANT_STRIDE, kind="window",
        text="four quadrants of the CNN accelerator, 4 MB each",
    ),
    Region(
        name="private peripherals", base=0xE000_0000, size_bytes=0x10_0000, kind="window",
        text="private peripheral bus of the Arm core",
    ),
)  # fmt: skip
"""Memories and windows; windows contain peripherals."""
