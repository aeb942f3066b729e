"""The TCP port a debugger connects to; connecting stops the program, going lets it run on."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Protocol

from mxdeploy.emulator.board.console import RECEIVE_BYTES
from mxdeploy.emulator.board.findings import BREAKPOINT_CODE
from mxdeploy.emulator.board.gdb.commands import (
    SIGNAL_FAULT,
    SIGNAL_INTERRUPT,
    SIGNAL_TRAP,
    Debugged,
    Session,
)
from mxdeploy.emulator.board.gdb.packets import INTERRUPT, PacketReader, frame
from mxdeploy.errors import MxdeployError

SEND_SECONDS = 5.0
"""A debugger that takes no answer for so long is disconnected."""


class Debuggable(Debugged, Protocol):
    """A board that may refuse a debugger."""

    @property
    def debuggable(self) -> bool:
        """Whether the debug port answers: firmware runs, and the chip is not locked."""


class GdbServer:
    """One debugger at a time, any number after each other."""

    def __init__(self, listener: socket.socket) -> None:
        """Take debuggers from this listening socket, which the caller closes."""
        self._listener = listener
        self._client: socket.socket | None = None
        self._reader = PacketReader()
        self._packets: list[bytes] = []
        self._session: Session | None = None
        self._gone = False

    # --- for the board --------------------------------------------------------------------------

    @property
    def attached(self) -> bool:
        """Whether a debugger controls the chip."""
        return self._session is not None

    @property
    def halted(self) -> bool:
        """Whether a debugger has stopped the program."""
        return self._session is not None and not self._session.running

    @property
    def waiting(self) -> bool:
        """Whether there is something to do between two instructions."""
        arrived = self._client is not None and self._session is None
        return arrived or self._gone or bool(self._packets)

    def stopped(self) -> None:
        """The program has come to a breakpoint."""
        self._stop(SIGNAL_TRAP)

    def failed(self, error: MxdeployError) -> None:
        """The program has failed; the debugger shows where and why."""
        first = error.diagnostics[0]
        self._say(f"{first.where}: {first.what} ({first.code})\n")
        self._stop(SIGNAL_TRAP if first.code == BREAKPOINT_CODE else SIGNAL_FAULT)

    def close(self) -> None:
        """Disconnect: the chip is no longer there."""
        if self._session is not None:
            self._session.close()
        if self._client is not None:
            self._client.close()
        self._client = self._session = None
        self._packets.clear()
        self._gone = False

    # --- the connection -------------------------------------------------------------------------

    def watched(self) -> list[socket.socket]:
        """The listening socket and the debugger."""
        return [self._listener] if self._client is None else [self._listener, self._client]

    def handle(self, ready: list[socket.socket]) -> None:
        """Accept a debugger, collect its packets."""
        if self._client is not None and self._client in ready:
            self._receive(self._client)
        if self._listener in ready:
            with suppress(OSError):  # gone before it was accepted
                client, _ = self._listener.accept()
                if self._client is not None:
                    client.close()  # one at a time
                    return
                client.settimeout(SEND_SECONDS)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._client, self._reader = client, PacketReader()

    def _receive(self, client: socket.socket) -> None:
        try:
            data = client.recv(RECEIVE_BYTES)
        except OSError:
            data = b""
        if not data:
            self._gone = True
            return
        packets, acknowledgements = self._reader.feed(data)
        self._packets += packets
        self._send(acknowledgements)

    def _send(self, data: bytes) -> None:
        if self._client is not None and data:
            try:
                self._client.sendall(data)
            except OSError:
                self._gone = True

    def _say(self, text: str) -> None:
        """Console output of the target, which the debugger shows while the program runs."""
        if self._session is not None and self._session.running:
            self._send(frame(b"O" + text.encode().hex().encode()))

    def _stop(self, signal: int) -> None:
        session = self._session
        if session is not None and session.running:
            session.running = False
            self._send(frame(session.stop_reply(signal)))

    # --- between two instructions ---------------------------------------------------------------

    def work(self, board: Debuggable) -> None:
        """Do what the debugger asks for, until it lets the program run."""
        if self._client is not None and self._session is None and not self._gone:
            chip = board.chip
            if chip is None or not board.debuggable:
                self.close()
                return
            self._session = Session(board, chip)
        while self._packets and self._session is not None:
            self._one(self._session, self._packets.pop(0))
        if self._gone:
            self.close()

    def _one(self, session: Session, packet: bytes) -> None:
        if packet == INTERRUPT:
            self._stop(SIGNAL_INTERRUPT)
            return
        try:
            answer = session.execute(packet)
        except MxdeployError as error:  # the stepped instruction failed
            session.running = True
            self.failed(error)
            return
        if answer is not None:
            self._send(frame(answer))
        self._reader.acknowledging = not session.quiet
        if session.detached:
            self.close()
