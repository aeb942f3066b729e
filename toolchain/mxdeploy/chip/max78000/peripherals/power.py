"""Power, trim and low-power control: GCFR, FCR, LPGCR, ICC, SIMO, SIR, MCR, PWRSEQ."""

from __future__ import annotations

from mxdeploy.chip.bits import bits
from mxdeploy.chip.max78000.peripherals.model import Block, PeripheralRegister

# --- GCFR: power domains of the accelerator -----------------------------------------------------


class CnnPower(PeripheralRegister, block="GCFR", offset=0x00, mnemonic="GCFR_REG0"):
    """Power of the accelerator's quadrants."""

    cnnx16_pwr_en: int = bits(3, 0, doc="power on, bit q = quadrant q")


class CnnRamPower(PeripheralRegister, block="GCFR", offset=0x04, mnemonic="GCFR_REG1"):
    """Power of the quadrants' memories."""

    cnnx16_ram_en: int = bits(3, 0, doc="memory power on, bit q = quadrant q")


class CnnIsolation(PeripheralRegister, block="GCFR", offset=0x08, mnemonic="GCFR_REG2"):
    """Isolation of the quadrants from the rest of the chip."""

    cnnx16_iso: int = bits(3, 0, doc="isolated, bit q = quadrant q")


class CnnReset(PeripheralRegister, block="GCFR", offset=0x0C, mnemonic="GCFR_REG3"):
    """Reset of the quadrants."""

    cnnx16_rst: int = bits(3, 0, doc="in reset, bit q = quadrant q")


GCFR = Block(
    name="GCFR",
    title="power domains of the accelerator",
    registers=(CnnPower, CnnRamPower, CnnIsolation, CnnReset),
)

# --- FCR: function control ----------------------------------------------------------------------


class FunctionControl0(PeripheralRegister, block="FCR", offset=0x00, mnemonic="FCR_FCTRL0"):
    """Glitch filters of the I2C pins."""

    i2c0dgen0: int = bits(20, doc="I2C0 SDA filter")
    i2c0dgen1: int = bits(21, doc="I2C0 SCL filter")
    i2c1dgen0: int = bits(22, doc="I2C1 SDA filter")
    i2c1dgen1: int = bits(23, doc="I2C1 SCL filter")
    i2c2dgen0: int = bits(24, doc="I2C2 SDA filter")
    i2c2dgen1: int = bits(25, doc="I2C2 SCL filter")


class AutoCalibration0(PeripheralRegister, block="FCR", offset=0x04, mnemonic="FCR_AUTOCAL0"):
    """Automatic calibration of the 100 MHz oscillator."""

    acen: int = bits(0, doc="calibration enabled")
    acrun: int = bits(1, doc="calibration runs")
    ldtrm: int = bits(2, doc="load the initial trim")
    gaininv: int = bits(3, doc="invert the gain")
    atomic: int = bits(4, doc="one calibration")
    mu: int = bits(19, 8, doc="gain")
    hirc96mactmrout: int = bits(31, 23, doc="trim found", access="r")


class AutoCalibration1(PeripheralRegister, block="FCR", offset=0x08, mnemonic="FCR_AUTOCAL1"):
    """Automatic calibration: initial trim."""

    inittrm: int = bits(8, 0, doc="initial trim")


class AutoCalibration2(PeripheralRegister, block="FCR", offset=0x0C, mnemonic="FCR_AUTOCAL2"):
    """Automatic calibration: duration and divider."""

    donecnt: int = bits(7, 0, doc="duration of one calibration")
    acdiv: int = bits(20, 8, doc="divider")


class RiscvBootAddress(PeripheralRegister, block="FCR", offset=0x10, mnemonic="FCR_URVBOOTADDR"):
    """Where the RISC-V core starts."""

    address_bits: int = bits(31, 0, doc="address of the first instruction", default=0x2001_C000)


class RiscvControl(PeripheralRegister, block="FCR", offset=0x14, mnemonic="FCR_URVCTRL"):
    """Memories of the RISC-V core."""

    memsel: int = bits(0, doc="sysram2 and sysram3 belong to the RISC-V core alone")
    iflushen: int = bits(1, doc="flush its instruction cache")


FCR = Block(
    name="FCR",
    title="function control: oscillator calibration, start of the RISC-V core",
    registers=(
        FunctionControl0, AutoCalibration0, AutoCalibration1, AutoCalibration2, RiscvBootAddress,
        RiscvControl,
    ),
)  # fmt: skip

# --- LPGCR: low-power peripherals ---------------------------------------------------------------


class LowPowerReset(PeripheralRegister, block="LPGCR", offset=0x08, mnemonic="LPGCR_RST"):
    """Resets of the low-power peripherals: write 1, hardware clears the bit.

    The user guide prints offset 0x04; the device headers use 0x08.
    """

    gpio2: int = bits(0, doc="reset GPIO2")
    wdt1: int = bits(1, doc="reset WDT1")
    tmr4: int = bits(2, doc="reset TMR4")
    tmr5: int = bits(3, doc="reset TMR5")
    uart3: int = bits(4, doc="reset UART3")
    lpcomp: int = bits(6, doc="reset the comparators")


class LowPowerClockDisable(
    PeripheralRegister, block="LPGCR", offset=0x0C, mnemonic="LPGCR_PCLKDIS"
):
    """Clock gates of the low-power peripherals: 1 = clock off.

    The user guide prints offset 0x08; the device headers use 0x0C.
    """

    gpio2: int = bits(0, doc="GPIO2")
    wdt1: int = bits(1, doc="WDT1")
    tmr4: int = bits(2, doc="TMR4")
    tmr5: int = bits(3, doc="TMR5")
    uart3: int = bits(4, doc="UART3")
    lpcomp: int = bits(6, doc="comparators")


LPGCR = Block(
    name="LPGCR",
    title="clocks and resets of the low-power peripherals",
    registers=(LowPowerReset, LowPowerClockDisable),
)

# --- ICC: instruction cache ---------------------------------------------------------------------


class CacheInfo(PeripheralRegister, block="ICC", offset=0x000, access="r", mnemonic="ICC_INFO"):
    """Identity of the cache."""

    relnum: int = bits(5, 0, doc="release", access="r")
    partnum: int = bits(9, 6, doc="part", access="r")
    id: int = bits(15, 10, doc="identifier", access="r")


class CacheSize(PeripheralRegister, block="ICC", offset=0x004, access="r", mnemonic="ICC_SZ"):
    """Sizes."""

    cch: int = bits(15, 0, doc="cache size in KB", default=16, access="r")
    mem: int = bits(31, 16, doc="size of the cached memory", access="r")


class CacheControl(PeripheralRegister, block="ICC", offset=0x100, mnemonic="ICC_CTRL"):
    """Cache on and ready."""

    en: int = bits(0, doc="cache on")
    rdy: int = bits(16, doc="cache ready", access="r")


class CacheInvalidate(PeripheralRegister, block="ICC", offset=0x700, mnemonic="ICC_INVALIDATE"):
    """Any write invalidates the cache."""

    invalid: int = bits(31, 0, doc="any value")


ICC = Block(
    name="ICC",
    title="instruction cache",
    registers=(CacheInfo, CacheSize, CacheControl, CacheInvalidate),
)

# --- SIR: system initialization -----------------------------------------------------------------


class InitStatus(PeripheralRegister, block="SIR", offset=0x000, access="r", mnemonic="SIR_SISTAT"):
    """Result of loading the trims after power-on."""

    magic: int = bits(0, doc="trims valid", access="r")
    crcerr: int = bits(1, doc="trims damaged", access="r")


class InitAddress(PeripheralRegister, block="SIR", offset=0x004, access="r", mnemonic="SIR_ADDR"):
    """Where the damage is."""

    erraddr: int = bits(31, 0, doc="address", access="r")


class FunctionStatus(
    PeripheralRegister, block="SIR", offset=0x100, access="r", mnemonic="SIR_FSTAT"
):
    """Functions this part has."""

    fpu: int = bits(0, doc="floating point unit", access="r")
    adc: int = bits(2, doc="ADC", access="r")
    smphr: int = bits(7, doc="semaphores", access="r")


class SecurityStatus(
    PeripheralRegister, block="SIR", offset=0x104, access="r", mnemonic="SIR_SFSTAT"
):
    """Security functions this part has."""

    trng: int = bits(0, doc="TRNG", access="r")
    aes: int = bits(2, doc="AES", access="r")


SIR = Block(
    name="SIR",
    title="system initialization",
    registers=(InitStatus, InitAddress, FunctionStatus, SecurityStatus),
)

# --- MCR: miscellaneous control -----------------------------------------------------------------


class EccEnable(PeripheralRegister, block="MCR", offset=0x00, mnemonic="MCR_ECCEN"):
    """Memory error correction."""

    ram0: int = bits(0, doc="sysram0")


class IpoTrim(PeripheralRegister, block="MCR", offset=0x04, mnemonic="MCR_IPO_MTRIM"):
    """Manual trim of the 100 MHz oscillator."""

    mtrim: int = bits(7, 0, doc="trim")
    trim_range: int = bits(8, doc="range")


class OutputEnable(PeripheralRegister, block="MCR", offset=0x08, mnemonic="MCR_OUTEN"):
    """Clock and power-down outputs."""

    sqwout_en: int = bits(0, doc="square wave output")
    pdown_out_en: int = bits(1, doc="power-down output")


class ComparatorControl(PeripheralRegister, block="MCR", offset=0x0C, mnemonic="MCR_CMP_CTRL"):
    """Comparator 0, as LPCOMP0; the bits are not described here."""

    value: int = bits(31, 0, doc="not described")


class MiscControl(PeripheralRegister, block="MCR", offset=0x10, mnemonic="MCR_CTRL"):
    """Slow oscillators and power converter."""

    inro_en: int = bits(2, doc="nano-ring oscillator on")
    ertco_en: int = bits(3, doc="32.768 kHz oscillator on")
    simo_clkscl_en: int = bits(8, doc="scale the converter's clock")
    simo_rstd: int = bits(9, doc="converter reset with the system")


class Gpio3Control(PeripheralRegister, block="MCR", offset=0x20, mnemonic="MCR_GPIO3_CTRL"):
    """The two pins of port 3."""

    p30_do: int = bits(0, doc="P3.0 output")
    p30_oe: int = bits(1, doc="P3.0 output enable")
    p30_pe: int = bits(2, doc="P3.0 pull-up")
    p30_in: int = bits(3, doc="P3.0 input", access="r")
    p31_do: int = bits(4, doc="P3.1 output")
    p31_oe: int = bits(5, doc="P3.1 output enable")
    p31_pe: int = bits(6, doc="P3.1 pull-up")
    p31_in: int = bits(7, doc="P3.1 input", access="r")


MCR = Block(
    name="MCR",
    title="miscellaneous control",
    registers=(EccEnable, IpoTrim, OutputEnable, ComparatorControl, MiscControl, Gpio3Control),
)
