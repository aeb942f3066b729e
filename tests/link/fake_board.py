"""A board in this process: the model of the ROM bootloader, flash, an application, a clock.

Time passes only by waiting and by sending, so that a test of timeouts takes no time. Everything
the host sends is recorded, and locking commands fail the test at once.
"""

from __future__ import annotations

import re
from pathlib import Path

from mxdeploy.chip.max78000.bootloader import LockState
from mxdeploy.chip.max78000.bootloader_assumptions import DEFAULTS, Assumptions
from mxdeploy.emulator.board.rom import RomBootloader
from mxdeploy.link.flash import FlashTarget
from mxdeploy.link.flash_image import FlashImage
from tests.flash_memory import MemoryFlash

SECONDS_PER_BYTE = 10 / 115200 / 50
"""A line that is much faster than a real one, but not infinitely."""
STARTS_BYTES = 512
"""The application runs, and says that all is well, when so much of it is right."""
NETWORK = "0123456789abcdef"
LOCKING = re.compile(rb"(?:^|[\r\n])\s*(P?LOCK)", re.IGNORECASE)
UNLOCKING = re.compile(rb"(?:^|[\r\n])\s*UNLOCK", re.IGNORECASE)


def image_of(size: int, *, fill: int = 1, network: str = NETWORK) -> FlashImage:
    """A program of the chip, by its looks."""
    head = bytes.fromhex("00000220 01000010".replace(" ", ""))
    body = bytes((n * n * fill + (n >> 8) * 31 + fill) & 0xFF for n in range(size - len(head)))
    content = head + body
    content += b"\xff" * (-len(content) % 16)
    return FlashImage(path=Path("image.bin"), content=content, network=network)


class FakeBoard:
    """The port of a board, and the board."""

    def __init__(
        self,
        image: FlashImage,
        *,
        content: bytes = b"",
        assumptions: Assumptions = DEFAULTS,
        lock_state: LockState = LockState.UNLOCKED,
        may_unlock: bool = False,
    ) -> None:
        self.flash = MemoryFlash(content)
        self.rom = RomBootloader(self.flash, assumptions=assumptions, lock_state=lock_state)
        self.seconds = 0.0
        self.sent = bytearray()
        self.verdict = b"PASS"
        self.says_network = image.network
        self.resets = 0
        self._image = image
        self._in_rom = False
        self._may_unlock = may_unlock
        self._outgoing = bytearray()

    # --- the board --------------------------------------------------------------------------

    def activate(self, _target: FlashTarget | None = None) -> None:
        """Reset with the activation pins held."""
        self.resets += 1
        self._in_rom = True
        self.transmit(self.rom.start())

    def reset(self) -> None:
        """Reset; the application starts if flash holds the beginning of one."""
        self.resets += 1
        self._in_rom = False
        head = self._image.content[:STARTS_BYTES]
        if bytes(self.flash.content[: len(head)]) == head:
            self.transmit(
                b"hello, people\r\n@hello mxdeploy net " + self.says_network.encode()
                + b" max78000fthr\r\n@time_us 1234\r\n@result " + self.verdict + b"\r\n> "
            )  # fmt: skip

    def receive(self, data: bytes) -> None:
        """Bytes arrive at the board."""
        if not self._in_rom:
            return
        self.transmit(self.rom.feed(data))
        if self.rom.left:
            self.reset()

    def transmit(self, data: bytes) -> None:
        """Bytes leave the board."""
        self._outgoing += data

    def holds(self, image: FlashImage) -> bool:
        """Whether all pages of the image are right."""
        return bytes(self.flash.content[: len(image.padded)]) == image.padded

    # --- the port ---------------------------------------------------------------------------

    def now(self) -> float:
        return self.seconds

    def write(self, data: bytes) -> None:
        start = max(0, len(self.sent) - 8)
        self.sent += data
        assert not LOCKING.search(self.sent, start), "a locking command was sent"
        assert self._may_unlock or not UNLOCKING.search(self.sent, start), "UNLOCK was sent"
        self.seconds += len(data) * SECONDS_PER_BYTE
        self.receive(data)

    def read(self, size: int, *, timeout_seconds: float) -> bytes:
        piece = bytes(self._outgoing[:size])
        del self._outgoing[:size]
        self.seconds += 1e-6 + len(piece) * SECONDS_PER_BYTE
        if len(piece) < size:
            self.seconds += timeout_seconds
        return piece

    def target(self, *, unlock: bool = False, activation_seconds: float = 10.0) -> FlashTarget:
        return FlashTarget(
            url="fake://board", port=self, baud=115200, unlock=unlock,
            activation_seconds=activation_seconds,
        )  # fmt: skip
