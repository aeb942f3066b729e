"""Power converter (SIMO) and power sequencer (PWRSEQ)."""

from __future__ import annotations

from mxdeploy.chip.bits import bits
from mxdeploy.chip.max78000.peripherals.model import Block, PeripheralRegister

# --- SIMO: single-inductor multiple-output converter --------------------------------------------


class OutputA(PeripheralRegister, block="SIMO", offset=0x04, mnemonic="SIMO_VREGO_A"):
    """Voltage of output A."""

    vseta: int = bits(6, 0, doc="voltage step")
    rangea: int = bits(7, doc="range")


class OutputB(PeripheralRegister, block="SIMO", offset=0x08, mnemonic="SIMO_VREGO_B"):
    """Voltage of output B."""

    vsetb: int = bits(6, 0, doc="voltage step")
    rangeb: int = bits(7, doc="range")


class OutputC(PeripheralRegister, block="SIMO", offset=0x0C, mnemonic="SIMO_VREGO_C"):
    """Voltage of output C, the accelerator's supply; boards write 0x43."""

    vsetc: int = bits(6, 0, doc="voltage step")
    rangec: int = bits(7, doc="range")


class OutputD(PeripheralRegister, block="SIMO", offset=0x10, mnemonic="SIMO_VREGO_D"):
    """Voltage of output D."""

    vsetd: int = bits(6, 0, doc="voltage step")
    ranged: int = bits(7, doc="range")


class PeakCurrentAb(PeripheralRegister, block="SIMO", offset=0x14, mnemonic="SIMO_IPKA"):
    """Peak currents of outputs A and B."""

    ipkseta: int = bits(3, 0, doc="output A")
    ipksetb: int = bits(7, 4, doc="output B")


class PeakCurrentCd(PeripheralRegister, block="SIMO", offset=0x18, mnemonic="SIMO_IPKB"):
    """Peak currents of outputs C and D."""

    ipksetc: int = bits(3, 0, doc="output C")
    ipksetd: int = bits(7, 4, doc="output D")


class MaximumOnTime(PeripheralRegister, block="SIMO", offset=0x1C, mnemonic="SIMO_MAXTON"):
    """Longest on time."""

    tonset: int = bits(3, 0, doc="time step")


class LoadCurrent(
    PeripheralRegister, block="SIMO", offset=0x20, count=4, access="r", mnemonic="SIMO_ILOAD"
):
    """Load current of outputs A to D."""

    iload: int = bits(7, 0, doc="current step", access="r")


class AlertThreshold(
    PeripheralRegister, block="SIMO", offset=0x30, count=4, mnemonic="SIMO_BUCK_ALERT_THR"
):
    """Alert threshold of outputs A to D."""

    buckthr: int = bits(7, 0, doc="threshold")


class OutputReady(
    PeripheralRegister, block="SIMO", offset=0x40, access="r", mnemonic="SIMO_BUCK_OUT_READY"
):
    """Outputs that have reached their voltage."""

    buckoutrdya: int = bits(0, doc="output A", access="r")
    buckoutrdyb: int = bits(1, doc="output B", access="r")
    buckoutrdyc: int = bits(2, doc="output C", access="r")
    buckoutrdyd: int = bits(3, doc="output D", access="r")


class ZeroCrossing(
    PeripheralRegister, block="SIMO", offset=0x44, count=4, access="r", mnemonic="SIMO_ZERO_CROSS"
):
    """Zero-crossing calibration of outputs A to D."""

    zxcal: int = bits(3, 0, doc="calibration", access="r")


SIMO = Block(
    name="SIMO",
    title="power converter",
    registers=(
        OutputA, OutputB, OutputC, OutputD, PeakCurrentAb, PeakCurrentCd, MaximumOnTime,
        LoadCurrent, AlertThreshold, OutputReady, ZeroCrossing,
    ),
)  # fmt: skip

# --- PWRSEQ: power sequencer --------------------------------------------------------------------


class LowPowerControl(PeripheralRegister, block="PWRSEQ", offset=0x00, mnemonic="PWRSEQ_LPCN"):
    """What stays on in the low-power modes."""

    ramret0: int = bits(0, doc="keep sysram0")
    ramret1: int = bits(1, doc="keep sysram1")
    ramret2: int = bits(2, doc="keep sysram2")
    ramret3: int = bits(3, doc="keep sysram3")
    lpmclksel: int = bits(8, doc="clock of the RISC-V core in low-power mode")
    lpmfast: int = bits(9, doc="fast wake-up")
    bg_dis: int = bits(11, doc="band gap off")
    lpwkst_clr: int = bits(31, doc="clear the wake-up status")


class WakeStatus(
    PeripheralRegister, block="PWRSEQ", offset=0x04, count=4, stride=8, mnemonic="PWRSEQ_LPWKST"
):
    """Pins of ports 0 to 3 that woke the chip."""

    wakest: int = bits(31, 0, doc="one bit per pin")


class WakeEnable(
    PeripheralRegister, block="PWRSEQ", offset=0x08, count=4, stride=8, mnemonic="PWRSEQ_LPWKEN"
):
    """Pins of ports 0 to 3 that may wake the chip."""

    wakeen: int = bits(31, 0, doc="one bit per pin")


class PeripheralWakeStatus(
    PeripheralRegister, block="PWRSEQ", offset=0x30, mnemonic="PWRSEQ_LPPWST"
):
    """Peripherals that woke the chip."""

    aincomp0: int = bits(4, doc="analog comparator")
    backup: int = bits(16, doc="left backup mode")
    reset: int = bits(17, doc="left by reset")


class PeripheralWakeEnable(
    PeripheralRegister, block="PWRSEQ", offset=0x34, mnemonic="PWRSEQ_LPPWEN"
):
    """Peripherals that may wake the chip."""

    aincomp0: int = bits(4, doc="analog comparator")
    wdt0: int = bits(8, doc="WDT0")
    wdt1: int = bits(9, doc="WDT1")
    cpu1: int = bits(10, doc="RISC-V core")
    tmr0: int = bits(11, doc="TMR0")
    tmr1: int = bits(12, doc="TMR1")
    tmr2: int = bits(13, doc="TMR2")
    tmr3: int = bits(14, doc="TMR3")
    tmr4: int = bits(15, doc="TMR4")
    tmr5: int = bits(16, doc="TMR5")
    uart0: int = bits(17, doc="UART0")
    uart1: int = bits(18, doc="UART1")
    uart2: int = bits(19, doc="UART2")
    uart3: int = bits(20, doc="UART3")
    i2c0: int = bits(21, doc="I2C0")
    i2c1: int = bits(22, doc="I2C1")
    i2c2: int = bits(23, doc="I2C2")
    i2s: int = bits(24, doc="I2S")
    spi1: int = bits(25, doc="SPI1")
    lpcmp: int = bits(26, doc="low-power comparators")


class BackupWord(PeripheralRegister, block="PWRSEQ", offset=0x48, count=2, mnemonic="PWRSEQ_GP"):
    """Words for the firmware's use, kept in backup mode."""

    value: int = bits(31, 0, doc="any value")


PWRSEQ = Block(
    name="PWRSEQ",
    title="power sequencer",
    registers=(
        LowPowerControl, WakeStatus, WakeEnable, PeripheralWakeStatus, PeripheralWakeEnable,
        BackupWord,
    ),
)  # fmt: skip
