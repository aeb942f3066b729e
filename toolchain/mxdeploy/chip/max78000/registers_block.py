"""The registers of the whole accelerator: FIFOs, always-on domain, fast FIFO."""

from __future__ import annotations

from mxdeploy.chip.bits import bits
from mxdeploy.chip.max78000.register_kinds import BlockRegister


class FifoControl(
    BlockRegister, address=0x5000_0000, mnemonic="FIFO_CTRL", source="UG 27, CNN_FIFO_CTRL"
):
    """Standard FIFOs: wait states, thresholds, coupling, enables, interrupts."""

    rdy_sel: int = bits(1, 0, doc="APB wait states", default=3)
    full_thresh: int = bits(4, 2, doc="almost-full threshold")
    empty_thresh: int = bits(9, 7, doc="almost-empty threshold")
    fifo_cpl: int = bits(11, doc="lock step of all enabled FIFOs; required on this chip")
    fifo_en: int = bits(15, 12, doc="FIFO enables, one per quadrant")
    full_int_en: int = bits(19, 16, doc="interrupt when full")
    empty_int_en: int = bits(23, 20, doc="interrupt when empty")
    almost_full_int_en: int = bits(27, 24, doc="interrupt when almost full")
    almost_empty_int_en: int = bits(31, 28, doc="interrupt when almost empty")


class FifoStatus(
    BlockRegister, address=0x5000_0004, mnemonic="FIFO_STAT", source="UG 27, CNN_FIFO_STAT"
):
    """Fill state of the standard FIFOs."""

    full: int = bits(3, 0, doc="FIFO full", access="r")
    empty: int = bits(7, 4, doc="FIFO empty", access="r")
    almost_full: int = bits(11, 8, doc="FIFO almost full", access="r")
    almost_empty: int = bits(15, 12, doc="FIFO almost empty", access="r")
    fifos_full: int = bits(16, doc="all FIFOs full", access="r")
    fifos_empty: int = bits(17, doc="any FIFO empty", access="r")
    fifos_almost_full: int = bits(18, doc="all FIFOs almost full", access="r")
    fifos_almost_empty: int = bits(19, doc="any FIFO almost empty", access="r")
    wptr_eq: int = bits(20, doc="all active write pointers equal", access="r")
    rptr_eq: int = bits(21, doc="all active read pointers equal", access="r")


class _FifoWrite(BlockRegister):
    """Base of the four FIFO write ports."""


class FifoWrite0(_FifoWrite, address=0x5000_0008, mnemonic="FIFO_WR0", source="UG 27"):
    """Write port of quadrant 0's FIFO."""

    data: int = bits(31, 0, doc="four bytes of input")


class FifoWrite1(_FifoWrite, address=0x5000_000C, mnemonic="FIFO_WR1", source="UG 27"):
    """Write port of quadrant 1's FIFO."""

    data: int = bits(31, 0, doc="four bytes of input")


class FifoWrite2(_FifoWrite, address=0x5000_0010, mnemonic="FIFO_WR2", source="UG 27"):
    """Write port of quadrant 2's FIFO."""

    data: int = bits(31, 0, doc="four bytes of input")


class FifoWrite3(_FifoWrite, address=0x5000_0014, mnemonic="FIFO_WR3", source="UG 27"):
    """Write port of quadrant 3's FIFO."""

    data: int = bits(31, 0, doc="four bytes of input")


class AlwaysOnControl(
    BlockRegister, address=0x5000_1000, mnemonic="AOD_CTRL", source="UG 27, CNN_AOD_CTRL"
):
    """Always-on domain: sleep and power of the kernel memories."""

    rdy_sel: int = bits(1, 0, doc="APB wait states", default=3)
    dsleep: int = bits(11, 8, doc="deep sleep of the kernel memory, one bit per quadrant")
    pd: int = bits(15, 12, doc="power down of the kernel memory, one bit per quadrant")
    rm: int = bits(19, 16, doc="read margin, one bit per quadrant")


# --- fast FIFO (reachable by the RISC-V core) ---------------------------------------------------


class FastFifoControl(
    BlockRegister, address=0x400C_0400, mnemonic="FFIFO_CR", source="generated programs"
):
    """Fast FIFO control; programs write 0xA0 (threshold 10)."""

    threshold: int = bits(7, 4, doc="threshold")


class FastFifoStatus(
    BlockRegister, address=0x400C_0404, mnemonic="FFIFO_SR", source="generated programs"
):
    """Fast FIFO status; only the full flag is known."""

    full: int = bits(1, doc="full: wait before the next write", access="r")


class FastFifoInterruptEnable(
    BlockRegister, address=0x400C_0408, mnemonic="FFIFO_IE", source="generated programs"
):
    """Fast FIFO interrupt enables; programs write 0, the bits are not known."""


class FastFifoInterruptStatus(
    BlockRegister, address=0x400C_040C, mnemonic="FFIFO_IS", source="generated programs"
):
    """Fast FIFO interrupt flags; the bits are not known."""


class FastFifoData(
    BlockRegister, address=0x400C_0410, mnemonic="FFIFO_DR", source="generated programs"
):
    """Fast FIFO write port."""

    data: int = bits(31, 0, doc="four bytes of input")


class FastFifoDma(
    BlockRegister, address=0x400C_0414, mnemonic="FFIFO_DMA", source="generated programs"
):
    """Fast FIFO DMA control; not supported, the bits are not known."""
