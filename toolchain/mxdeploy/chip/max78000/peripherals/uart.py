"""UART: serial ports 0 to 2 and the low-power port 3. Both FIFOs hold eight bytes."""

from __future__ import annotations

from mxdeploy.chip.bits import bits
from mxdeploy.chip.max78000.peripherals.model import Block, PeripheralRegister

FIFO_BYTES = 8


class Control(PeripheralRegister, block="UART", offset=0x00, mnemonic="UART_CTRL"):
    """Frame format, baud clock and flow control.

    The user guide asks for ucagm = 1; firmware that leaves it 0 works.
    """

    rx_thd_val: int = bits(3, 0, doc="receive FIFO threshold, 1..8")
    par_en: int = bits(4, doc="parity on")
    par_eo: int = bits(5, doc="parity", values={0: "even", 1: "odd"})
    par_md: int = bits(6, doc="parity counts ones (0) or zeros (1)", default=1)
    cts_dis: int = bits(7, doc="ignore CTS", default=1)
    tx_flush: int = bits(8, doc="empty the transmit FIFO; reads 0")
    rx_flush: int = bits(9, doc="empty the receive FIFO; reads 0")
    char_size: int = bits(
        11, 10, doc="data bits", values={0: "5 bits", 1: "6 bits", 2: "7 bits", 3: "8 bits"}
    )
    stopbits: int = bits(12, doc="stop bits", values={0: "1", 1: "1.5 (5 data bits) or 2"})
    hfc_en: int = bits(13, doc="hardware flow control")
    rtsdc: int = bits(14, doc="RTS: 0 off when the FIFO is full, 1 off at the threshold")
    bclken: int = bits(15, doc="baud clock on")
    bclksrc: int = bits(
        17, 16, doc="baud clock source",
        values={0: "PCLK", 1: "external clock", 2: "IBRO", 3: "ERTCO (UART3)"},
    )  # fmt: skip
    dpfe_en: int = bits(18, doc="data phase flow (UART3)")
    bclkrdy: int = bits(19, doc="baud clock ready", access="r")
    ucagm: int = bits(20, doc="clock auto gating")
    fdm: int = bits(21, doc="fractional divider (UART3)")
    desm: int = bits(22, doc="dual edge sampling (UART3)")


class Status(PeripheralRegister, block="UART", offset=0x04, access="r", mnemonic="UART_STATUS"):
    """State of both directions."""

    tx_busy: int = bits(0, doc="transmitting", access="r")
    rx_busy: int = bits(1, doc="receiving", access="r")
    rx_em: int = bits(4, doc="receive FIFO empty", default=1, access="r")
    rx_full: int = bits(5, doc="receive FIFO full", access="r")
    tx_em: int = bits(6, doc="transmit FIFO empty", default=1, access="r")
    tx_full: int = bits(7, doc="transmit FIFO full", access="r")
    rx_lvl: int = bits(11, 8, doc="bytes in the receive FIFO", access="r")
    tx_lvl: int = bits(15, 12, doc="bytes in the transmit FIFO", access="r")


class InterruptEnable(PeripheralRegister, block="UART", offset=0x08, mnemonic="UART_INT_EN"):
    """Interrupt enables."""

    rx_ferr: int = bits(0, doc="frame error")
    rx_par: int = bits(1, doc="parity error")
    cts_ev: int = bits(2, doc="CTS changed")
    rx_ov: int = bits(3, doc="receive overrun")
    rx_thd: int = bits(4, doc="receive FIFO at the threshold")
    tx_he: int = bits(6, doc="transmit FIFO half empty")


class InterruptFlags(PeripheralRegister, block="UART", offset=0x0C, mnemonic="UART_INT_FL"):
    """Interrupt flags; write 1 to clear."""

    rx_ferr: int = bits(0, doc="frame error; the byte is lost")
    rx_par: int = bits(1, doc="parity error; the byte is kept")
    cts_ev: int = bits(2, doc="CTS changed")
    rx_ov: int = bits(3, doc="receive overrun; the new byte is lost")
    rx_thd: int = bits(4, doc="receive FIFO at the threshold")
    tx_he: int = bits(6, doc="transmit FIFO fell from 5 to 4 bytes")


class ClockDivider(PeripheralRegister, block="UART", offset=0x10, mnemonic="UART_CLKDIV"):
    """Baud rate = clock / clkdiv."""

    clkdiv: int = bits(19, 0, doc="divider; below 16 the oversampling register is ignored")


class Oversampling(PeripheralRegister, block="UART", offset=0x14, mnemonic="UART_OSR"):
    """Samples per bit."""

    osr: int = bits(
        2, 0, doc="oversampling",
        values={0: "128x", 1: "64x", 2: "32x", 3: "16x", 4: "8x", 5: "4x"},
    )  # fmt: skip


class TransmitPeek(PeripheralRegister, block="UART", offset=0x18, mnemonic="UART_TXPEEK"):
    """Next byte to send."""

    data: int = bits(7, 0, doc="byte", access="r")


class Pins(PeripheralRegister, block="UART", offset=0x1C, mnemonic="UART_PNR"):
    """Flow-control pins."""

    cts: int = bits(0, doc="CTS", default=1, access="r")
    rts: int = bits(1, doc="RTS", default=1)


class Fifo(PeripheralRegister, block="UART", offset=0x20, mnemonic="UART_FIFO"):
    """Write: send (ignored when full). Read: receive (0 when empty)."""

    data: int = bits(7, 0, doc="byte")
    rx_par: int = bits(8, doc="parity error of the byte", access="r")


class Dma(PeripheralRegister, block="UART", offset=0x30, mnemonic="UART_DMA"):
    """DMA requests."""

    tx_thd_val: int = bits(3, 0, doc="transmit threshold")
    tx_en: int = bits(4, doc="transmit requests on")
    rx_thd_val: int = bits(8, 5, doc="receive threshold")
    rx_en: int = bits(9, doc="receive requests on")


class WakeEnable(PeripheralRegister, block="UART", offset=0x34, mnemonic="UART_WKEN"):
    """Wake-up enables (UART3)."""

    rx_ne: int = bits(0, doc="receive FIFO not empty")
    rx_full: int = bits(1, doc="receive FIFO full")
    rx_thd: int = bits(2, doc="receive FIFO at the threshold")


class WakeFlags(PeripheralRegister, block="UART", offset=0x38, mnemonic="UART_WKFL"):
    """Wake-up flags (UART3)."""

    rx_ne: int = bits(0, doc="receive FIFO not empty")
    rx_full: int = bits(1, doc="receive FIFO full")
    rx_thd: int = bits(2, doc="receive FIFO at the threshold")


UART = Block(
    name="UART",
    title="serial port",
    registers=(
        Control, Status, InterruptEnable, InterruptFlags, ClockDivider, Oversampling,
        TransmitPeek, Pins, Fifo, Dma, WakeEnable, WakeFlags,
    ),
)  # fmt: skip
