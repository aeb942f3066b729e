"""Ways to program a board, and which of them is taken.

A method is a class with a name, a reason why it cannot be used with a target, and ``program``. It
leaves the board running the new application; whoever called it listens to the serial port, which
is open all the time, for what the application says (``flash_watch``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from mxdeploy.errors import DeviceError, Diagnostic
from mxdeploy.link.flash_image import FlashImage
from mxdeploy.link.ports import SerialPort
from mxdeploy.link.virtual import RunningBoard

AUTO = "auto"
BOOTLOADER = "bootloader"
DAPLINK = "daplink"
OPENOCD = "openocd"
PYOCD = "pyocd"
_FEATHER_ORDER = (DAPLINK, OPENOCD, PYOCD, BOOTLOADER)
_KIT_ORDER = (OPENOCD, PYOCD, DAPLINK, BOOTLOADER)
_ORDERS = {"max78000fthr": _FEATHER_ORDER, "max78000evkit": _KIT_ORDER}

Progress = Callable[[str, int, int], None]
"""Called with what is done (one or two words), units done, and units in all."""


class Port(Protocol):
    """An open serial connection; ``link.transport.Transport`` is one."""

    def write(self, data: bytes) -> None:
        """Send all of ``data``; raises ``DeviceError`` when the connection is gone."""

    def read(self, size: int, *, timeout_seconds: float) -> bytes:
        """Up to ``size`` bytes, waiting that long for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashTarget:
    """The board to program.

    Attributes:
        url: its serial port as the user named it.
        port: the same, open.
        baud: speed of the port, bits per second.
        board: name of the board, as far as known; empty otherwise.
        virtual: the virtual board behind the port; None for a real one.
        usb: what is known of the port from USB; None when it is not on USB.
        prompt_seen: the bootloader has answered on the port.
        unlock: the user permits to erase everything in order to unlock the chip.
        probe: id of the debug adapter the user wants; empty for the one that belongs to the port.
        line_delay_seconds: pause after each line of a file sent through the serial port.
        activation_seconds: how long to wait for a person to activate the bootloader.
        say: tells the user what is going on or to be done, a sentence at a time.
    """

    url: str
    port: Port
    baud: int
    board: str = ""
    virtual: RunningBoard | None = None
    usb: SerialPort | None = None
    prompt_seen: bool = False
    unlock: bool = False
    probe: str = ""
    line_delay_seconds: float = 0.0
    activation_seconds: float = 60.0
    say: Callable[[str], None] = field(default=lambda _text: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashReport:
    """What programming did.

    Attributes:
        method: its name.
        proof: how the content of flash was checked, in a few words.
        pages_erased: pages of 8 KB; None when the method does not tell.
        pages_kept: pages that held the right content already; None when it does not tell.
        attempts: how often it had to be tried.
        heard: what the application has sent already; it belongs to ``flash_watch``.
        diagnostics: warnings.
    """

    method: str
    proof: str
    pages_erased: int | None = None
    pages_kept: int | None = None
    attempts: int = 1
    heard: bytes = b""
    diagnostics: tuple[Diagnostic, ...] = ()


class FlashMethod(ABC):
    """A way to program a board."""

    name: ClassVar[str]

    @abstractmethod
    def why_not(self, target: FlashTarget) -> str:
        """Why it cannot be used with this target, in a sentence; empty when it can."""

    @abstractmethod
    def program(self, target: FlashTarget, image: FlashImage, progress: Progress) -> FlashReport:
        """Program the image, check it, and start the application.

        Raises:
            DeviceError: it cannot be done, or flash does not hold the image afterwards.
            ToolError: a program that does it is missing or failed.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The method taken.

    Attributes:
        method: it.
        why: in a few words.
        missed: methods that come before it, and why they cannot be used.
    """

    method: FlashMethod
    why: str
    missed: tuple[tuple[str, str], ...] = ()


def order(target: FlashTarget) -> tuple[str, ...]:
    """Names of the methods in the order in which ``auto`` tries them."""
    if target.virtual is not None or target.prompt_seen:
        return (BOOTLOADER,)
    return _ORDERS.get(target.board, (BOOTLOADER, *_KIT_ORDER[:-1]))


def choose(methods: Sequence[FlashMethod], target: FlashTarget, wanted: str = AUTO) -> Choice:
    """The method that the user wants, or the first of the target's order that can be used.

    Raises:
        DeviceError: none can be used; the reason of each is told.
    """
    known = {method.name: method for method in methods}
    names = order(target) if wanted == AUTO else (wanted,)
    missed: list[tuple[str, str]] = []
    for name in names:
        if name not in known:
            continue
        reason = known[name].why_not(target)
        if not reason:
            why = _reason(target) if wanted == AUTO else f"--method {wanted}"
            return Choice(method=known[name], why=why, missed=tuple(missed))
        missed.append((name, reason))
    raise DeviceError(_no_method(target, missed))


def _reason(target: FlashTarget) -> str:
    if target.virtual is not None:
        return "a virtual board"
    if target.prompt_seen:
        return "the bootloader answers on the port"
    return f"the first that can be used with {target.board or 'an unknown board'}"


def _no_method(target: FlashTarget, missed: Sequence[tuple[str, str]]) -> Diagnostic:
    return Diagnostic(
        code="MX7402",
        where=target.url,
        what="no way to program this board can be used",
        why="; ".join(f"{name}: {reason}" for name, reason in missed),
        fix="mend one of them; `mxdeploy doctor` says how",
    )
