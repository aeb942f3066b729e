"""DMA (four channels) and SEMA (semaphores between the two cores)."""

from __future__ import annotations

from mxdeploy.chip.bits import bits
from mxdeploy.chip.max78000.peripherals.model import Block, PeripheralRegister

CHANNELS = 4
CHANNEL_STRIDE = 0x20
WIDTHS = {0: "byte", 1: "half word", 2: "word"}


class InterruptEnable(PeripheralRegister, block="DMA", offset=0x000, mnemonic="DMA_INTEN"):
    """Interrupt enables."""

    ch: int = bits(3, 0, doc="one bit per channel")


class InterruptFlags(
    PeripheralRegister, block="DMA", offset=0x004, access="r", mnemonic="DMA_INTFL"
):
    """Pending interrupts."""

    ch: int = bits(3, 0, doc="one bit per channel", access="r")


class ChannelControl(
    PeripheralRegister, block="DMA", offset=0x100, count=CHANNELS, stride=CHANNEL_STRIDE,
    mnemonic="DMA_CTRL",
):  # fmt: skip
    """Control of a channel."""

    en: int = bits(0, doc="channel on")
    rlden: int = bits(1, doc="reload at the end")
    pri: int = bits(
        3, 2, doc="priority", values={0: "high", 1: "medium high", 2: "medium low", 3: "low"}
    )
    request: int = bits(9, 4, doc="request line")
    to_wait: int = bits(10, doc="time-out waits for the first request")
    to_per: int = bits(13, 11, doc="time-out period, 2**(field + 2)")
    to_clkdiv: int = bits(
        15, 14, doc="time-out clock", values={0: "off", 1: "/256", 2: "/64K", 3: "/16M"}
    )
    srcwd: int = bits(17, 16, doc="source width", values=WIDTHS)
    srcinc: int = bits(18, doc="source address counts up")
    dstwd: int = bits(21, 20, doc="destination width", values=WIDTHS)
    dstinc: int = bits(22, doc="destination address counts up")
    burst_size: int = bits(28, 24, doc="bytes per burst - 1")
    dis_ie: int = bits(30, doc="interrupt when the channel goes off")
    ctz_ie: int = bits(31, doc="interrupt when the count reaches zero")


class ChannelStatus(
    PeripheralRegister, block="DMA", offset=0x104, count=CHANNELS, stride=CHANNEL_STRIDE,
    mnemonic="DMA_STATUS",
):  # fmt: skip
    """State of a channel; flags are cleared by writing 1."""

    status: int = bits(0, doc="channel runs", access="r")
    ipend: int = bits(1, doc="interrupt pending", access="r")
    ctz_if: int = bits(2, doc="count reached zero")
    rld_if: int = bits(3, doc="reloaded")
    bus_err: int = bits(4, doc="bus error")
    to_if: int = bits(6, doc="time-out")


class Source(
    PeripheralRegister, block="DMA", offset=0x108, count=CHANNELS, stride=CHANNEL_STRIDE,
    mnemonic="DMA_SRC",
):  # fmt: skip
    """Source address of a channel."""

    addr: int = bits(31, 0, doc="address")


class Destination(
    PeripheralRegister, block="DMA", offset=0x10C, count=CHANNELS, stride=CHANNEL_STRIDE,
    mnemonic="DMA_DST",
):  # fmt: skip
    """Destination address of a channel."""

    addr: int = bits(31, 0, doc="address")


class TransferCount(
    PeripheralRegister, block="DMA", offset=0x110, count=CHANNELS, stride=CHANNEL_STRIDE,
    mnemonic="DMA_CNT",
):  # fmt: skip
    """Bytes left in a channel."""

    cnt: int = bits(23, 0, doc="bytes")


class SourceReload(
    PeripheralRegister, block="DMA", offset=0x114, count=CHANNELS, stride=CHANNEL_STRIDE,
    mnemonic="DMA_SRCRLD",
):  # fmt: skip
    """Next source address of a channel."""

    addr: int = bits(30, 0, doc="address")


class DestinationReload(
    PeripheralRegister, block="DMA", offset=0x118, count=CHANNELS, stride=CHANNEL_STRIDE,
    mnemonic="DMA_DSTRLD",
):  # fmt: skip
    """Next destination address of a channel."""

    addr: int = bits(30, 0, doc="address")


class CountReload(
    PeripheralRegister, block="DMA", offset=0x11C, count=CHANNELS, stride=CHANNEL_STRIDE,
    mnemonic="DMA_CNTRLD",
):  # fmt: skip
    """Next count of a channel."""

    cnt: int = bits(23, 0, doc="bytes")
    en: int = bits(31, doc="reload once")


DMA = Block(
    name="DMA",
    title="direct memory access, four channels",
    registers=(
        InterruptEnable, InterruptFlags, ChannelControl, ChannelStatus, Source, Destination,
        TransferCount, SourceReload, DestinationReload, CountReload,
    ),
)  # fmt: skip


class Semaphore(PeripheralRegister, block="SEMA", offset=0x00, count=8, mnemonic="SEMA_SEMAPHORE"):
    """A semaphore: reading takes it and returns the value before, writing 0 frees it."""

    sema: int = bits(0, doc="taken")


class Interrupt0(PeripheralRegister, block="SEMA", offset=0x40, mnemonic="SEMA_IRQ0"):
    """Interrupt of the Arm core."""

    en: int = bits(0, doc="enable")
    cm4_irq: int = bits(16, doc="interrupt the Arm core")


class Mail0(PeripheralRegister, block="SEMA", offset=0x44, mnemonic="SEMA_MAIL0"):
    """Word for the Arm core."""

    data: int = bits(31, 0, doc="any value")


class Interrupt1(PeripheralRegister, block="SEMA", offset=0x48, mnemonic="SEMA_IRQ1"):
    """Interrupt of the RISC-V core."""

    en: int = bits(0, doc="enable")
    rv32_irq: int = bits(16, doc="interrupt the RISC-V core")


class Mail1(PeripheralRegister, block="SEMA", offset=0x4C, mnemonic="SEMA_MAIL1"):
    """Word for the RISC-V core."""

    data: int = bits(31, 0, doc="any value")


class SemaphoreStatus(
    PeripheralRegister, block="SEMA", offset=0x100, access="r", mnemonic="SEMA_STATUS"
):
    """All semaphores at once."""

    status: int = bits(7, 0, doc="taken, one bit per semaphore", access="r")


SEMA = Block(
    name="SEMA",
    title="semaphores and mailboxes between the two cores",
    registers=(Semaphore, Interrupt0, Mail0, Interrupt1, Mail1, SemaphoreStatus),
)
