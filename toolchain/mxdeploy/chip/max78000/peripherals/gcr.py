"""GCR: global control. System clock, clock gates, resets, power modes, memory control.

Reset values: user guide chapter 4. Reserved bits that read as one, or must be kept, are declared so
that a read-modify-write stays within declared bits. They reset on system reset and power-on only.
"""

from __future__ import annotations

from mxdeploy.chip.bits import bits
from mxdeploy.chip.max78000.peripherals.model import Block, PeripheralRegister

SYSCLK_SEL_IPO = 4
"""Value of ClockControl.sysclk_sel for the primary oscillator."""
FLASH_WAIT_STATES = 5
"""After a reset; two are enough for the primary oscillator."""
OFF = {0: "clock on", 1: "clock off, registers out of reach"}


class SystemControl(PeripheralRegister, block="GCR", offset=0x00, mnemonic="GCR_SYSCTRL"):
    """System control."""

    bstapen: int = bits(1, doc="boundary-scan TAP", default=1)
    flash_page_flip: int = bits(4, doc="swap flash halves (absent in guide revision 1)")
    icc0_flush: int = bits(6, doc="flush the instruction cache; clears itself")
    romdone: int = bits(12, doc="ROM code has ended; keep", default=1)
    cchk: int = bits(13, doc="compute the ROM checksum; clears itself")
    swd_dis: int = bits(14, doc="serial wire debug off")
    chkres: int = bits(15, doc="ROM checksum failed", access="r")
    ovr: int = bits(
        17, 16, doc="core supply range", default=2, values={0: "0.9 V", 1: "1.0 V", 2: "1.1 V"}
    )


class Reset0(PeripheralRegister, block="GCR", offset=0x04, mnemonic="GCR_RST0"):
    """Resets: write 1, hardware clears the bit."""

    dma: int = bits(0, doc="reset the DMA")
    wdt0: int = bits(1, doc="reset WDT0")
    gpio0: int = bits(2, doc="reset GPIO0")
    gpio1: int = bits(3, doc="reset GPIO1")
    tmr0: int = bits(5, doc="reset TMR0")
    tmr1: int = bits(6, doc="reset TMR1")
    tmr2: int = bits(7, doc="reset TMR2")
    tmr3: int = bits(8, doc="reset TMR3")
    uart0: int = bits(11, doc="reset UART0")
    uart1: int = bits(12, doc="reset UART1")
    spi1: int = bits(13, doc="reset SPI1")
    i2c0: int = bits(16, doc="reset I2C0")
    rtc: int = bits(17, doc="reset the RTC")
    smphr: int = bits(22, doc="reset the semaphores (guide revision 1: in RST1)")
    trng: int = bits(24, doc="reset the TRNG")
    cnn: int = bits(25, doc="reset the accelerator")
    adc: int = bits(26, doc="reset the ADC")
    uart2: int = bits(28, doc="reset UART2")
    soft: int = bits(29, doc="soft reset: peripherals and GPIO")
    periph: int = bits(30, doc="peripheral reset: all but GPIO, watchdogs and GCR")
    sys: int = bits(31, doc="system reset: everything, the processor included")


class ClockControl(PeripheralRegister, block="GCR", offset=0x08, mnemonic="GCR_CLKCTRL"):
    """System clock; ready bits follow the enables.

    The documents disagree about bits 31:30 after a reset (2 or 0); keep what is read.
    """

    reserved_low: int = bits(5, 0, doc="reserved; keep", default=8)
    sysclk_div: int = bits(8, 6, doc="the system clock is the oscillator divided by 2**field")
    sysclk_sel: int = bits(
        11, 9, doc="system oscillator",
        values={0: "ISO", 3: "INRO", SYSCLK_SEL_IPO: "IPO", 5: "IBRO", 6: "ERTCO", 7: "EXT_CLK"},
    )  # fmt: skip
    sysclk_rdy: int = bits(13, doc="the selected oscillator runs", default=1, access="r")
    ertco_en: int = bits(17, doc="32.768 kHz crystal oscillator on")
    iso_en: int = bits(18, doc="60 MHz oscillator on", default=1)
    ipo_en: int = bits(19, doc="100 MHz oscillator on")
    ibro_en: int = bits(20, doc="7.3728 MHz oscillator on", default=1)
    ibro_vs: int = bits(21, doc="supply of the 7.3728 MHz oscillator")
    ertco_rdy: int = bits(25, doc="32.768 kHz oscillator ready", access="r")
    iso_rdy: int = bits(26, doc="60 MHz oscillator ready", default=1, access="r")
    ipo_rdy: int = bits(27, doc="100 MHz oscillator ready", access="r")
    ibro_rdy: int = bits(28, doc="7.3728 MHz oscillator ready", default=1, access="r")
    inro_rdy: int = bits(29, doc="nano-ring oscillator ready", default=1, access="r")
    reserved_high: int = bits(31, 30, doc="reserved; keep", default=2)


class PowerManagement(PeripheralRegister, block="GCR", offset=0x0C, mnemonic="GCR_PM"):
    """Power mode and wake-up sources."""

    mode: int = bits(
        3, 0, doc="operating mode",
        values={
            0: "active", 1: "sleep", 2: "standby", 4: "backup", 8: "low power", 9: "micro power",
            10: "power down",
        },
    )  # fmt: skip
    gpio_we: int = bits(4, doc="wake up by GPIO")
    rtc_we: int = bits(5, doc="wake up by the RTC")
    wut_we: int = bits(7, doc="wake up by the wake-up timer")
    aincomp_we: int = bits(9, doc="wake up by the analog comparator")
    reserved: int = bits(14, 12, doc="reserved; keep", default=7)
    iso_pd: int = bits(15, doc="60 MHz oscillator off in standby", default=1)
    ipo_pd: int = bits(16, doc="100 MHz oscillator off in standby", default=1)
    ibro_pd: int = bits(17, doc="7.3728 MHz oscillator off in standby", default=1)


class PeripheralClockDivider(PeripheralRegister, block="GCR", offset=0x18, mnemonic="GCR_PCLKDIV"):
    """Clock of the accelerator and of the ADC."""

    adcfrq: int = bits(13, 10, doc="ADC clock divider (device headers: bits 12:10)")
    cnnclkdiv: int = bits(
        16, 14, doc="divider of the accelerator's clock",
        values={0: "/2", 1: "/4", 2: "/8", 3: "/16", 4: "/1", 5: "/1", 6: "/1", 7: "/1"},
    )  # fmt: skip
    cnnclksel: int = bits(17, doc="source of the accelerator's clock", values={0: "PCLK", 1: "ISO"})


class PeripheralClockDisable0(
    PeripheralRegister, block="GCR", offset=0x24, mnemonic="GCR_PCLKDIS0"
):
    """Clock gates: with 1 the clock is off and the registers cannot be reached."""

    gpio0: int = bits(0, doc="GPIO0", default=1, values=OFF)
    gpio1: int = bits(1, doc="GPIO1", default=1, values=OFF)
    reserved_2: int = bits(4, 2, doc="reserved; keep", default=7)
    dma: int = bits(5, doc="DMA", default=1, values=OFF)
    spi1: int = bits(6, doc="SPI1", default=1, values=OFF)
    reserved_7: int = bits(8, 7, doc="reserved; keep", default=3)
    uart0: int = bits(9, doc="UART0", default=1, values=OFF)
    uart1: int = bits(10, doc="UART1", default=1, values=OFF)
    reserved_11: int = bits(12, 11, doc="reserved; keep", default=3)
    i2c0: int = bits(13, doc="I2C0", default=1, values=OFF)
    reserved_14: int = bits(14, doc="reserved; keep", default=1)
    tmr0: int = bits(15, doc="TMR0", default=1, values=OFF)
    tmr1: int = bits(16, doc="TMR1", default=1, values=OFF)
    tmr2: int = bits(17, doc="TMR2", default=1, values=OFF)
    tmr3: int = bits(18, doc="TMR3", default=1, values=OFF)
    reserved_19: int = bits(22, 19, doc="reserved; keep", default=15)
    adc: int = bits(23, doc="ADC", default=1, values=OFF)
    reserved_24: int = bits(24, doc="reserved; keep", default=1)
    cnn: int = bits(25, doc="accelerator", default=1, values=OFF)
    reserved_26: int = bits(27, 26, doc="reserved; keep", default=3)
    i2c1: int = bits(28, doc="I2C1", default=1, values=OFF)
    pt: int = bits(29, doc="pulse trains", default=1, values=OFF)
    reserved_30: int = bits(31, 30, doc="reserved; keep", default=3)


class MemoryControl(PeripheralRegister, block="GCR", offset=0x28, mnemonic="GCR_MEMCTRL"):
    """Flash wait states and SRAM error correction."""

    fws: int = bits(
        2, 0, doc="flash wait states, at least 2 for IPO and ISO", default=FLASH_WAIT_STATES
    )
    sysram0ecc: int = bits(16, doc="error correction of sysram0")


class MemoryZero(PeripheralRegister, block="GCR", offset=0x2C, mnemonic="GCR_MEMZ"):
    """Zero a memory: write 1, hardware clears the bit."""

    ram0: int = bits(0, doc="zero sysram0")
    ram1: int = bits(1, doc="zero sysram1")
    ram2: int = bits(2, doc="zero sysram2")
    ram3: int = bits(3, doc="zero sysram3")
    sysram0ecc: int = bits(4, doc="zero sysram0's check bits")
    icc0: int = bits(5, doc="zero the Arm core's instruction cache")
    icc1: int = bits(6, doc="zero the RISC-V core's instruction cache")


class SystemStatus(PeripheralRegister, block="GCR", offset=0x40, mnemonic="GCR_SYSST"):
    """System status."""

    icelock: int = bits(0, doc="debugger locked out", access="r")


class Reset1(PeripheralRegister, block="GCR", offset=0x44, mnemonic="GCR_RST1"):
    """Resets: write 1, hardware clears the bit."""

    i2c1: int = bits(0, doc="reset I2C1")
    pt: int = bits(1, doc="reset the pulse trains")
    owm: int = bits(7, doc="reset the 1-Wire master")
    crc: int = bits(9, doc="reset the CRC unit")
    aes: int = bits(10, doc="reset the AES unit")
    spi0: int = bits(11, doc="reset SPI0")
    smphr: int = bits(16, doc="reset the semaphores")
    i2s: int = bits(19, doc="reset the I2S")
    i2c2: int = bits(20, doc="reset I2C2")
    dvs: int = bits(24, doc="reset dynamic voltage scaling")
    simo: int = bits(25, doc="reset the power converter")
    cpu1: int = bits(31, doc="reset the RISC-V core")


class PeripheralClockDisable1(
    PeripheralRegister, block="GCR", offset=0x48, mnemonic="GCR_PCLKDIS1"
):
    """Clock gates: with 1 the clock is off and the registers cannot be reached."""

    reserved_0: int = bits(0, doc="reserved; keep", default=1)
    uart2: int = bits(1, doc="UART2", default=1, values=OFF)
    trng: int = bits(2, doc="TRNG", default=1, values=OFF)
    reserved_3: int = bits(8, 3, doc="reserved; keep", default=63)
    smphr: int = bits(9, doc="semaphores", default=1, values=OFF)
    reserved_10: int = bits(12, 10, doc="reserved; keep", default=7)
    owm: int = bits(13, doc="1-Wire master", default=1, values=OFF)
    crc: int = bits(14, doc="CRC unit", default=1, values=OFF)
    aes: int = bits(15, doc="AES unit", default=1, values=OFF)
    spi0: int = bits(16, doc="SPI0", default=1, values=OFF)
    reserved_17: int = bits(17, doc="reserved; keep", default=1)
    pcif: int = bits(18, doc="camera interface", default=1, values=OFF)
    reserved_19: int = bits(22, 19, doc="reserved; keep", default=15)
    i2s: int = bits(23, doc="I2S", default=1, values=OFF)
    i2c2: int = bits(24, doc="I2C2", default=1, values=OFF)
    reserved_25: int = bits(26, 25, doc="reserved; keep", default=3)
    wdt0: int = bits(27, doc="WDT0", default=1, values=OFF)
    reserved_28: int = bits(30, 28, doc="reserved; keep", default=7)
    cpu1: int = bits(31, doc="RISC-V core", default=1, values=OFF)


class EventEnable(PeripheralRegister, block="GCR", offset=0x4C, mnemonic="GCR_EVENTEN"):
    """Events that wake the core from WFE."""

    dma: int = bits(0, doc="DMA event")
    rx: int = bits(1, doc="receive event pin")
    tx: int = bits(2, doc="transmit event pin")


class Revision(PeripheralRegister, block="GCR", offset=0x50, access="r", mnemonic="GCR_REVISION"):
    """Silicon revision."""

    revision: int = bits(15, 0, doc="binary-coded revision, e.g. 0x00A1", default=0xA1, access="r")


class SystemInterruptEnable(PeripheralRegister, block="GCR", offset=0x54, mnemonic="GCR_SYSIE"):
    """System interrupt enables."""

    iceunlock: int = bits(0, doc="debugger unlocked")


class EccError(PeripheralRegister, block="GCR", offset=0x64, mnemonic="GCR_ECCERR"):
    """Uncorrectable memory errors."""

    ram: int = bits(0, doc="sysram0")


class EccCorrected(PeripheralRegister, block="GCR", offset=0x68, mnemonic="GCR_ECCCED"):
    """Corrected memory errors."""

    ram: int = bits(0, doc="sysram0")


class EccInterruptEnable(PeripheralRegister, block="GCR", offset=0x6C, mnemonic="GCR_ECCIE"):
    """Memory error interrupts."""

    ram: int = bits(0, doc="sysram0")


class EccAddress(PeripheralRegister, block="GCR", offset=0x70, mnemonic="GCR_ECCADDR"):
    """Where the last memory error was."""

    eccerrad: int = bits(31, 0, doc="address")


class GeneralPurpose(PeripheralRegister, block="GCR", offset=0x80, mnemonic="GCR_GPR0"):
    """A word for the firmware's use."""

    value: int = bits(31, 0, doc="any value")


GCR = Block(
    name="GCR",
    title="global control: clocks, resets, power modes",
    registers=(
        SystemControl, Reset0, ClockControl, PowerManagement, PeripheralClockDivider,
        PeripheralClockDisable0, MemoryControl, MemoryZero, SystemStatus, Reset1,
        PeripheralClockDisable1, EventEnable, Revision, SystemInterruptEnable, EccError,
        EccCorrected, EccInterruptEnable, EccAddress, GeneralPurpose,
    ),
)  # fmt: skip
