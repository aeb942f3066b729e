"""UART0..2: eight-byte FIFOs, baud clock, flags and interrupt; bytes take their time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from mxdeploy.chip.max78000 import clocks
from mxdeploy.chip.max78000.peripherals import uart as reg
from mxdeploy.emulator.board.clock import Event, ticks_of
from mxdeploy.emulator.board.findings import (
    Finding,
    not_modelled,
    uart_baud,
    uart_format,
    uart_overrun,
    uart_pins,
)
from mxdeploy.emulator.board.peripherals.bank import Host, RegisterBank

TOLERANCE = 0.03
"""Relative error of the baud rate that a receiver still understands."""
HALF_EMPTY = 4
EIGHT_BITS = 3
SOURCE_PCLK = 0
SOURCE_IBRO = 2
GARBLED = 0xFF
_STATUS = {name: spec.low for name, spec in reg.Status.bit_fields().items()}
"""The status is read far more often than anything else: no detour over a register object."""


class Uart(RegisterBank):
    """One serial port; the outside feeds ``incoming`` and takes ``outgoing``."""

    def __init__(self, name: str, host: Host, interrupt: int) -> None:
        """Idle, with nothing attached."""
        self._interrupt = interrupt
        self.outgoing = bytearray()
        self.incoming: deque[int] = deque()
        self.expected_baud: int | None = None
        """Speed at which the other end listens; None when nobody listens."""
        self.pin_connected: Callable[[], bool] = lambda: True
        self.pin_name = ""
        self.on_arrival: Callable[[], None] = lambda: None
        """Called when there is something new to read."""
        self.waits_for_room = False
        """Whether the sender stops while the receive FIFO is full, instead of losing bytes."""
        self._noted: set[str] = set()
        super().__init__(name, reg.UART, host)
        self.on_write(reg.Control, self._control)
        self.on_read(reg.Status, self._status)
        self.on_write(reg.InterruptEnable, self._interrupt_enable)
        self.on_write(reg.InterruptFlags, self._clear_flags)
        self.on_write(reg.ClockDivider, self._divider)
        self.on_read(reg.TransmitPeek, lambda _i: self._transmit_fifo[0] if self._transmit_fifo
                     else 0)  # fmt: skip
        self.on_read(reg.Fifo, self._receive)
        self.on_write(reg.Fifo, self._transmit)

    def reset(self) -> None:
        """Empty FIFOs, everything off; bytes still on their way in stay there."""
        super().reset()
        self._transmit_fifo: deque[int] = deque()
        self._receive_fifo: deque[int] = deque()
        for event in (getattr(self, "_sending", None), getattr(self, "_arriving", None)):
            if event is not None:
                event.cancel()
        self._sending: Event | None = None
        self._arriving: Event | None = None
        self._shifting = 0
        self.host.nvic.set_level(self._interrupt, high=False)

    @property
    def busy(self) -> bool:
        """Whether something is being sent."""
        return self._sending is not None

    @property
    def receiving(self) -> bool:
        """Whether a byte is on its way in."""
        return self._arriving is not None

    @property
    def unsent(self) -> bytes:
        """What is still in the transmit FIFO or half on the line."""
        return bytes(([self._shifting] if self.busy else []) + list(self._transmit_fifo))

    @property
    def stuck(self) -> bool:
        """Whether there is something to send that will never be sent."""
        return bool(self._transmit_fifo) and not self.busy

    @property
    def listens(self) -> bool:
        """Whether a received byte would request an interrupt."""
        return bool(self.fields(reg.InterruptEnable).rx_thd)

    def feed(self, data: bytes) -> None:
        """Bytes from the outside; they arrive one after the other at the line's speed."""
        self.incoming.extend(data)
        self._expect_next()

    # --- speed and format -------------------------------------------------------------------

    def baud(self) -> float | None:
        """Bits per second, None while the baud clock is off."""
        control = self.fields(reg.Control)
        divider = self.fields(reg.ClockDivider).clkdiv
        if not control.bclken or not divider:
            return None
        if control.bclksrc == SOURCE_PCLK:
            source = self.host.clock.frequency_hz / clocks.PCLK_DIVIDER
        elif control.bclksrc == SOURCE_IBRO:
            source = float(clocks.IBRO_HZ)
        else:
            return None
        return source / divider

    def _frame_ticks(self) -> int | None:
        baud = self.baud()
        if baud is None:
            return None
        control = self.fields(reg.Control)
        frame = 1 + 5 + control.char_size + control.par_en + 1 + control.stopbits
        return ticks_of(frame, baud)

    def _understood(self) -> bool:
        """Whether the other end reads what is sent; warns once for each reason."""
        if self.expected_baud is None:
            return True
        baud = self.baud() or 0.0
        control = self.fields(reg.Control)
        if abs(baud / self.expected_baud - 1) > TOLERANCE:
            self._note_once("baud", uart_baud(self.name, baud, self.expected_baud))
            return False
        if control.char_size != EIGHT_BITS or control.par_en:
            size = 5 + control.char_size
            text = f"{size} data bits" + (" and parity" if control.par_en else "")
            self._note_once("format", uart_format(self.name, text))
            return False
        return True

    def _note_once(self, key: str, finding: Finding) -> None:
        if key not in self._noted:
            self._noted.add(key)
            self.host.note(finding)

    # --- registers --------------------------------------------------------------------------

    def _control(self, _index: int, word: int) -> None:
        control = reg.Control.decode(word)
        if control.tx_flush:
            self._transmit_fifo.clear()
        if control.rx_flush:
            self._receive_fifo.clear()
        if control.bclken and control.bclksrc not in (SOURCE_PCLK, SOURCE_IBRO):
            self.host.refuse(not_modelled(f"{self.name} clock source {control.bclksrc}"))
        kept = replace(control, tx_flush=0, rx_flush=0, bclkrdy=control.bclken)
        self.put(reg.Control, kept.encode())
        self._send_next()
        self._expect_next()

    def _divider(self, _index: int, word: int) -> None:
        self.put(reg.ClockDivider, word)
        self._send_next()
        self._expect_next()

    def _status(self, _index: int) -> int:
        sending, received = len(self._transmit_fifo), len(self._receive_fifo)
        return (
            self.busy << _STATUS["tx_busy"]
            | (not received) << _STATUS["rx_em"]
            | (received == reg.FIFO_BYTES) << _STATUS["rx_full"]
            | (not sending) << _STATUS["tx_em"]
            | (sending == reg.FIFO_BYTES) << _STATUS["tx_full"]
            | received << _STATUS["rx_lvl"]
            | sending << _STATUS["tx_lvl"]
        )

    def _interrupt_enable(self, _index: int, word: int) -> None:
        self.put(reg.InterruptEnable, word)
        self._request()

    def _clear_flags(self, _index: int, word: int) -> None:
        self.put(reg.InterruptFlags, self.word(reg.InterruptFlags) & ~word)
        self._request()

    def _raise_flag(self, flag: reg.InterruptFlags) -> None:
        self.put(reg.InterruptFlags, self.word(reg.InterruptFlags) | flag.encode())
        self._request()

    def _request(self) -> None:
        high = bool(self.word(reg.InterruptFlags) & self.word(reg.InterruptEnable))
        self.host.nvic.set_level(self._interrupt, high=high)

    # --- sending ----------------------------------------------------------------------------

    def _transmit(self, _index: int, word: int) -> None:
        if len(self._transmit_fifo) < reg.FIFO_BYTES:
            self._transmit_fifo.append(word & 0xFF)
            self._send_next()

    def _send_next(self) -> None:
        frame = self._frame_ticks()
        if self._sending is not None or not self._transmit_fifo or frame is None:
            return
        self._shifting = self._transmit_fifo.popleft()
        if len(self._transmit_fifo) == HALF_EMPTY:
            self._raise_flag(reg.InterruptFlags(tx_he=1))
        self._sending = self.host.clock.schedule(frame, self._sent)

    def _sent(self) -> None:
        self._sending = None
        if not self.pin_connected():
            self._note_once("pins", uart_pins(self.name, self.pin_name))
        elif self._understood():
            self.outgoing.append(self._shifting)
        else:
            self.outgoing.append(GARBLED)
        self._send_next()

    # --- receiving --------------------------------------------------------------------------

    def _expect_next(self) -> None:
        frame = self._frame_ticks()
        if self.waits_for_room and not self._room:
            return
        if self._arriving is None and self.incoming and frame is not None:
            self._arriving = self.host.clock.schedule(frame, self._arrived)

    def _arrived(self) -> None:
        self._arriving = None
        self._take_next()
        while self.waits_for_room and self.incoming and self._room:
            self._take_next()  # nobody looks at the clock: as many as the FIFO holds at once
        self.on_arrival()
        self._expect_next()

    @property
    def _room(self) -> int:
        return reg.FIFO_BYTES - len(self._receive_fifo)

    def _take_next(self) -> None:
        if not self.incoming:
            return
        byte = self.incoming.popleft()
        if not self._room:
            self._note_once("overrun", uart_overrun(self.name))
            self._raise_flag(reg.InterruptFlags(rx_ov=1))
            return
        self._receive_fifo.append(byte if self._understood() else GARBLED)
        if len(self._receive_fifo) >= max(1, self.fields(reg.Control).rx_thd_val):
            self._raise_flag(reg.InterruptFlags(rx_thd=1))

    def _receive(self, _index: int) -> int:
        byte = self._receive_fifo.popleft() if self._receive_fifo else 0
        self._expect_next()
        return byte
