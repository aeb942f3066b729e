"""The microcontroller around the accelerator: peripherals, interrupts and memory map."""

from __future__ import annotations

from mxdeploy.chip.max78000.peripherals import (
    core,
    dma,
    flash,
    gcr,
    gpio,
    power,
    powerseq,
    timers,
    uart,
)
from mxdeploy.chip.max78000.peripherals.instances import INSTANCES, INTERRUPTS, REGIONS
from mxdeploy.chip.max78000.peripherals.model import (
    Block,
    Instance,
    Interrupt,
    Location,
    PeripheralRegister,
    Region,
)

__all__ = [
    "BLOCKS",
    "INSTANCES",
    "INTERRUPTS",
    "REGIONS",
    "Block",
    "Instance",
    "Interrupt",
    "Location",
    "PeripheralRegister",
    "Region",
    "block_of",
    "find",
    "find_region",
    "instance",
    "interrupt",
    "region",
]

BLOCKS: tuple[Block, ...] = (
    gcr.GCR, power.SIR, power.FCR, power.GCFR, power.LPGCR, power.MCR, power.ICC, powerseq.SIMO,
    powerseq.PWRSEQ, timers.TMR, timers.WDT, timers.WUT, timers.TRNG, uart.UART, gpio.GPIO,
    flash.FLC, dma.DMA, dma.SEMA, core.SYSTICK, core.NVIC, core.SCB, core.FPU, core.DWT,
    core.DEBUG,
    Block(name="DVS", title="dynamic voltage scaling"),
    Block(name="TRIMSIR", title="trims"),
    Block(name="RTC", title="real-time clock"),
    Block(name="AES", title="encryption"),
    Block(name="AESKEY", title="encryption keys"),
    Block(name="PCIF", title="camera interface"),
    Block(name="CRC", title="checksum unit"),
    Block(name="I2C", title="I2C bus"),
    Block(name="ADC", title="analog-to-digital converter"),
    Block(name="PTG", title="pulse trains, common registers"),
    Block(name="PT", title="pulse train"),
    Block(name="OWM", title="1-Wire master"),
    Block(name="SPI", title="SPI bus"),
    Block(name="I2S", title="I2S audio"),
    Block(name="LPCOMP", title="low-power comparator"),
)  # fmt: skip
"""All blocks; those without registers are known by their address alone."""

_BY_NAME = {block.name: block for block in BLOCKS}


def block_of(place: Instance) -> Block:
    """The block an instance is one of."""
    return _BY_NAME[place.block]


def instance(name: str) -> Instance:
    """The instance of this name, e.g. ``UART0``."""
    return next(i for i in INSTANCES if i.name == name)


def interrupt(name: str) -> Interrupt:
    """The interrupt line of this name, e.g. ``CNN``."""
    return next(i for i in INTERRUPTS if i.name == name)


def region(name: str) -> Region:
    """The memory or window of this name, e.g. ``flash``."""
    return next(r for r in REGIONS if r.name == name)


def find_region(address: int) -> Region | None:
    """The memory or window an address lies in (the smallest one)."""
    found = [r for r in REGIONS if 0 <= address - r.base < r.size_bytes]
    return min(found, key=lambda r: r.size_bytes, default=None)


def find(address: int) -> Location | None:
    """The peripheral, and register if it is described, at an address.

    Byte addresses inside a register find the register.
    """
    place = next((i for i in INSTANCES if 0 <= address - i.base < i.size_bytes), None)
    if place is None:
        return None
    offset = address - place.base
    for register in _BY_NAME[place.block].registers:
        index, byte = divmod(offset - register.offset, register.stride)
        if 0 <= index < register.count and byte < 4:  # noqa: PLR2004 - bytes of a word
            return Location(instance=place, offset=offset, register=register, index=index)
    return Location(instance=place, offset=offset, register=None)
