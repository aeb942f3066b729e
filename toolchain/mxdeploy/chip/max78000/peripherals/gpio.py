"""GPIO: ports 0 to 3. Every register holds one bit per pin of the port.

All pins are high-impedance GPIO after a reset, except the debug pins P0.28 and P0.29.
"""

from __future__ import annotations

from mxdeploy.chip.bits import bits
from mxdeploy.chip.max78000.peripherals.model import Block, PeripheralRegister


class En0(PeripheralRegister, block="GPIO", offset=0x00, mnemonic="GPIO_EN0"):
    """First bit of the pin function (with EN1 and EN2)."""

    gpio_en: int = bits(31, 0, doc="1 = GPIO, 0 = alternate function", default=0xFFFF_FFFF)


class En0Set(PeripheralRegister, block="GPIO", offset=0x04, mnemonic="GPIO_EN0_SET"):
    """Set bits of EN0."""

    all: int = bits(31, 0, doc="1 = set")


class En0Clear(PeripheralRegister, block="GPIO", offset=0x08, mnemonic="GPIO_EN0_CLR"):
    """Clear bits of EN0."""

    all: int = bits(31, 0, doc="1 = clear")


class OutputEnable(PeripheralRegister, block="GPIO", offset=0x0C, mnemonic="GPIO_OUTEN"):
    """Pins that drive their output."""

    en: int = bits(31, 0, doc="1 = output")


class OutputEnableSet(PeripheralRegister, block="GPIO", offset=0x10, mnemonic="GPIO_OUTEN_SET"):
    """Set bits of OUTEN."""

    all: int = bits(31, 0, doc="1 = set")


class OutputEnableClear(PeripheralRegister, block="GPIO", offset=0x14, mnemonic="GPIO_OUTEN_CLR"):
    """Clear bits of OUTEN."""

    all: int = bits(31, 0, doc="1 = clear")


class Output(PeripheralRegister, block="GPIO", offset=0x18, mnemonic="GPIO_OUT"):
    """Output levels."""

    gpio_out: int = bits(31, 0, doc="1 = high")


class OutputSet(PeripheralRegister, block="GPIO", offset=0x1C, access="w", mnemonic="GPIO_OUT_SET"):
    """Set bits of OUT."""

    gpio_out_set: int = bits(31, 0, doc="1 = set", access="w")


class OutputClear(
    PeripheralRegister, block="GPIO", offset=0x20, access="w", mnemonic="GPIO_OUT_CLR"
):
    """Clear bits of OUT."""

    gpio_out_clr: int = bits(31, 0, doc="1 = clear", access="w")


class Input(PeripheralRegister, block="GPIO", offset=0x24, access="r", mnemonic="GPIO_IN"):
    """Levels at the pins."""

    gpio_in: int = bits(31, 0, doc="1 = high", access="r")


class InterruptMode(PeripheralRegister, block="GPIO", offset=0x28, mnemonic="GPIO_INTMODE"):
    """Kind of interrupt."""

    gpio_intmode: int = bits(31, 0, doc="1 = edge, 0 = level")


class InterruptPolarity(PeripheralRegister, block="GPIO", offset=0x2C, mnemonic="GPIO_INTPOL"):
    """Polarity of the interrupt."""

    gpio_intpol: int = bits(31, 0, doc="1 = rising or high, 0 = falling or low")


class InputEnable(PeripheralRegister, block="GPIO", offset=0x30, mnemonic="GPIO_INEN"):
    """Input buffers."""

    value: int = bits(31, 0, doc="1 = input on")


class InterruptEnable(PeripheralRegister, block="GPIO", offset=0x34, mnemonic="GPIO_INTEN"):
    """Interrupt enables."""

    gpio_inten: int = bits(31, 0, doc="1 = on")


class InterruptEnableSet(PeripheralRegister, block="GPIO", offset=0x38, mnemonic="GPIO_INTEN_SET"):
    """Set bits of INTEN."""

    gpio_inten_set: int = bits(31, 0, doc="1 = set")


class InterruptEnableClear(
    PeripheralRegister, block="GPIO", offset=0x3C, mnemonic="GPIO_INTEN_CLR"
):
    """Clear bits of INTEN."""

    gpio_inten_clr: int = bits(31, 0, doc="1 = clear")


class InterruptFlags(
    PeripheralRegister, block="GPIO", offset=0x40, access="r", mnemonic="GPIO_INTFL"
):
    """Interrupt flags."""

    gpio_intfl: int = bits(31, 0, doc="1 = pending", access="r")


class InterruptFlagsClear(PeripheralRegister, block="GPIO", offset=0x48, mnemonic="GPIO_INTFL_CLR"):
    """Clear bits of INTFL."""

    all: int = bits(31, 0, doc="1 = clear")


class WakeEnable(PeripheralRegister, block="GPIO", offset=0x4C, mnemonic="GPIO_WKEN"):
    """Wake-up enables."""

    gpio_wken: int = bits(31, 0, doc="1 = on")


class WakeEnableSet(PeripheralRegister, block="GPIO", offset=0x50, mnemonic="GPIO_WKEN_SET"):
    """Set bits of WKEN."""

    all: int = bits(31, 0, doc="1 = set")


class WakeEnableClear(PeripheralRegister, block="GPIO", offset=0x54, mnemonic="GPIO_WKEN_CLR"):
    """Clear bits of WKEN."""

    all: int = bits(31, 0, doc="1 = clear")


class DualEdge(PeripheralRegister, block="GPIO", offset=0x5C, mnemonic="GPIO_DUALEDGE"):
    """Interrupt on both edges."""

    gpio_dualedge: int = bits(31, 0, doc="1 = both")


class PadControl0(PeripheralRegister, block="GPIO", offset=0x60, mnemonic="GPIO_PADCTRL0"):
    """Pull resistors, first bit."""

    gpio_padctrl0: int = bits(31, 0, doc="1 = pull-up (with PADCTRL1 = 0)")


class PadControl1(PeripheralRegister, block="GPIO", offset=0x64, mnemonic="GPIO_PADCTRL1"):
    """Pull resistors, second bit."""

    gpio_padctrl1: int = bits(31, 0, doc="1 = pull-down (with PADCTRL0 = 0)")


class En1(PeripheralRegister, block="GPIO", offset=0x68, mnemonic="GPIO_EN1"):
    """Second bit of the pin function."""

    gpio_en1: int = bits(31, 0, doc="with EN0 = 0: EN1, EN2 = 0,0 AF1; 1,0 AF2; 0,1 AF3; 1,1 AF4")


class En1Set(PeripheralRegister, block="GPIO", offset=0x6C, mnemonic="GPIO_EN1_SET"):
    """Set bits of EN1."""

    all: int = bits(31, 0, doc="1 = set")


class En1Clear(PeripheralRegister, block="GPIO", offset=0x70, mnemonic="GPIO_EN1_CLR"):
    """Clear bits of EN1."""

    all: int = bits(31, 0, doc="1 = clear")


class En2(PeripheralRegister, block="GPIO", offset=0x74, mnemonic="GPIO_EN2"):
    """Third bit of the pin function."""

    gpio_en2: int = bits(31, 0, doc="see EN1")


class En2Set(PeripheralRegister, block="GPIO", offset=0x78, mnemonic="GPIO_EN2_SET"):
    """Set bits of EN2."""

    all: int = bits(31, 0, doc="1 = set")


class En2Clear(PeripheralRegister, block="GPIO", offset=0x7C, mnemonic="GPIO_EN2_CLR"):
    """Clear bits of EN2."""

    all: int = bits(31, 0, doc="1 = clear")


class Hysteresis(PeripheralRegister, block="GPIO", offset=0xA8, mnemonic="GPIO_HYSEN"):
    """Input hysteresis."""

    gpio_hysen: int = bits(31, 0, doc="1 = on")


class SlewRate(PeripheralRegister, block="GPIO", offset=0xAC, mnemonic="GPIO_SRSEL"):
    """Slew rate."""

    gpio_srsel: int = bits(31, 0, doc="1 = slow, 0 = fast")


class DriveStrength0(PeripheralRegister, block="GPIO", offset=0xB0, mnemonic="GPIO_DS0"):
    """Drive strength, first bit."""

    gpio_ds0: int = bits(31, 0, doc="1 = stronger")


class DriveStrength1(PeripheralRegister, block="GPIO", offset=0xB4, mnemonic="GPIO_DS1"):
    """Drive strength, second bit."""

    gpio_ds1: int = bits(31, 0, doc="1 = stronger")


class PullStrength(PeripheralRegister, block="GPIO", offset=0xB8, mnemonic="GPIO_PS"):
    """Strength of the pull resistors."""

    all: int = bits(31, 0, doc="one bit per pin")


class VoltageSelect(PeripheralRegister, block="GPIO", offset=0xC0, mnemonic="GPIO_VSSEL"):
    """Supply of the pins."""

    all: int = bits(31, 0, doc="1 = VDDIOH, 0 = VDDIO")


GPIO = Block(
    name="GPIO",
    title="general-purpose pins",
    registers=(
        En0,
        En0Set,
        En0Clear,
        OutputEnable,
        OutputEnableSet,
        OutputEnableClear,
        Output,
        OutputSet,
        OutputClear,
        Input,
        InterruptMode,
        InterruptPolarity,
        InputEnable,
        InterruptEnable,
        InterruptEnableSet,
        InterruptEnableClear,
        InterruptFlags,
        InterruptFlagsClear,
        WakeEnable,
        WakeEnableSet,
        WakeEnableClear,
        DualEdge,
        PadControl0,
        PadControl1,
        En1,
        En1Set,
        En1Clear,
        En2,
        En2Set,
        En2Clear,
        Hysteresis,
        SlewRate,
        DriveStrength0,
        DriveStrength1,
        PullStrength,
        VoltageSelect,
    ),
)
