"""FLC: the flash controller. 128-bit writes, 8 KB pages, reset only at power-on."""

from __future__ import annotations

from mxdeploy.chip.bits import bits
from mxdeploy.chip.max78000.peripherals.model import Block, PeripheralRegister

UNLOCKED = 2
"""Value of Control.unlock that permits writing and erasing."""
LOCKED = 3
ERASE_PAGE = 0x55
ERASE_ALL = 0xAA
INFORMATION_UNLOCK = (0x3A7F_5CA3, 0xA1E3_4F20, 0x9608_B2C1)
"""Words written to ACTRL in this order open the information block."""


class Address(PeripheralRegister, block="FLC", offset=0x00, mnemonic="FLC_ADDR"):
    """Where to write or erase; writes ignore bits 3:0, page erase ignores bits 12:0."""

    addr: int = bits(31, 0, doc="address", default=0x1000_0000)


class ClockDivider(PeripheralRegister, block="FLC", offset=0x04, mnemonic="FLC_CLKDIV"):
    """The controller's clock must be 1 MHz."""

    clkdiv: int = bits(7, 0, doc="divider of the system clock", default=0x64)


class Control(PeripheralRegister, block="FLC", offset=0x08, mnemonic="FLC_CTRL"):
    """Commands; wr, me, pge and erase_code clear themselves."""

    wr: int = bits(0, doc="write 128 bits")
    me: int = bits(1, doc="mass erase")
    pge: int = bits(2, doc="page erase")
    wdth: int = bits(4, doc="write width; keep 0 (128 bits)")
    erase_code: int = bits(
        15, 8, doc="erase code", values={0: "none", ERASE_PAGE: "page", ERASE_ALL: "all"}
    )
    pend: int = bits(24, doc="busy: writes to registers but INTR are ignored", access="r")
    lve: int = bits(25, doc="low-voltage operation")
    unlock: int = bits(31, 28, doc="lock", values={UNLOCKED: "unlocked", LOCKED: "locked"})


class Interrupt(PeripheralRegister, block="FLC", offset=0x24, mnemonic="FLC_INTR"):
    """Flags (write 0 to clear) and enables."""

    done: int = bits(0, doc="operation done")
    af: int = bits(1, doc="access failed: locked, or busy")
    doneie: int = bits(8, doc="interrupt when done")
    afie: int = bits(9, doc="interrupt on failure")


class EccData(PeripheralRegister, block="FLC", offset=0x28, mnemonic="FLC_ECCDATA"):
    """Check bits of the last read."""

    even: int = bits(8, 0, doc="even half")
    odd: int = bits(24, 16, doc="odd half")


class Data(PeripheralRegister, block="FLC", offset=0x30, count=4, mnemonic="FLC_DATA"):
    """The 128 bits to write, lowest word first."""

    data: int = bits(31, 0, doc="word")


class AccessControl(PeripheralRegister, block="FLC", offset=0x40, access="w", mnemonic="FLC_ACTRL"):
    """Unlock sequence of the information block; any other write locks it."""

    actrl: int = bits(31, 0, doc="next word of the sequence", access="w")


class WriteLock(
    PeripheralRegister, block="FLC", offset=0x80, count=2, stride=8, mnemonic="FLC_WELR"
):
    """Write and erase locks of pages 0-31 and 32-63; write 1 to lock until reset."""

    welr: int = bits(31, 0, doc="0 = locked, one bit per page", default=0xFFFF_FFFF)


class ReadLock(PeripheralRegister, block="FLC", offset=0x90, count=2, stride=8, mnemonic="FLC_RLR"):
    """Read locks of pages 0-31 and 32-63; write 1 to lock until reset."""

    rlr: int = bits(31, 0, doc="0 = locked, one bit per page", default=0xFFFF_FFFF)


FLC = Block(
    name="FLC",
    title="flash controller",
    registers=(
        Address, ClockDivider, Control, Interrupt, EccData, Data, AccessControl, WriteLock,
        ReadLock,
    ),
)  # fmt: skip
