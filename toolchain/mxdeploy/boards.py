"""Board descriptions: a TOML file per board, read into a checked model.

``boards/<name>.toml`` are the known boards; any other file with the same keys works as well.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from mxdeploy.chip.max78000 import clocks
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.resources import boards_folder

_PIN = re.compile(r"P([0-2])\.([0-9]|[12][0-9]|3[01])")
_UART0_PINS = "P0.0 and P0.1"
"""Its only pins; the first receives. Source: device support of the vendor's SDK."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pin(_Model):
    """One pin of the chip; in a board file written ``P2.5``."""

    port: int
    bit: int

    @property
    def mask(self) -> int:
        """The pin's bit in its port's registers."""
        return 1 << self.bit

    def __str__(self) -> str:
        """As in a board file."""
        return f"P{self.port}.{self.bit}"


def _parse_pin(text: object) -> object:
    if isinstance(text, Pin):
        return text
    match = _PIN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError('a pin of ports P0 to P2 is written like "P2.5"')
    return Pin(port=int(match[1]), bit=int(match[2]))


PinText = Annotated[Pin, BeforeValidator(_parse_pin)]


class Console(_Model):
    """The UART that a person or the host talks to; 8 data bits, no parity, 1 stop bit."""

    uart: Literal[0]
    baud: int
    rx: PinText
    tx: PinText
    alternate_function: Literal[1]

    @model_validator(mode="after")
    def _pins_of_the_uart(self) -> Console:
        pins = f"{self.rx} and {self.tx}"
        if pins != _UART0_PINS:
            raise ValueError(f"UART0 receives and sends on {_UART0_PINS}, not {pins}")
        return self

    @field_validator("baud")
    @classmethod
    def _divides_the_oscillator(cls, baud: int) -> int:
        if not 1200 <= baud <= clocks.IBRO_HZ // 8:  # noqa: PLR2004 - slower makes no sense
            raise ValueError(f"the baud rate must lie in 1200..{clocks.IBRO_HZ // 8}")
        if clocks.IBRO_HZ % baud:
            raise ValueError(
                f"the baud rate must divide the baud-rate oscillator's {clocks.IBRO_HZ} Hz"
            )
        return baud


class Led(_Model):
    """A light. ``active_low``: lit while the pin is 0."""

    name: str
    pin: PinText
    color: Literal["red", "green", "blue", "yellow", "white"]
    active_low: bool


class Button(_Model):
    """A push-button with a pull-up. ``active_low``: pressed reads 0."""

    name: str
    pin: PinText
    active_low: bool


class Clock(_Model):
    """Clock of the Arm core in hertz: that of the primary oscillator."""

    hz: int

    @field_validator("hz")
    @classmethod
    def _is_the_primary_oscillator(cls, hz: int) -> int:
        if hz != clocks.IPO_HZ:
            raise ValueError(f"the firmware runs from the {clocks.IPO_HZ} Hz oscillator only")
        return hz


class Cnn(_Model):
    """Supply of the accelerator. ``boost``: pin that switches an external supply, if any."""

    boost: PinText | None = None


class Pads(_Model):
    """Pins that the board runs from the higher I/O supply (VDDIOH)."""

    high_voltage: tuple[PinText, ...] = ()


class UsbDevice(_Model):
    """A USB device through which the board is seen by the host."""

    role: Literal["console", "probe"]
    vid: int = Field(ge=0, le=0xFFFF)
    pid: int = Field(ge=0, le=0xFFFF)
    text: str


class Note(_Model):
    """Something to know about the board, and where it comes from."""

    text: str
    source: str


class Board(_Model):
    """A board with a MAX78000.

    Attributes:
        name: identifier, as on the command line.
        title: name for people.
        msdk: the board's name in the vendor's SDK (variable BOARD).
        console: the serial line.
        clock: clock of the Arm core.
        cnn: supply of the accelerator.
        pads: pins at the higher I/O voltage.
        leds: lights; one green and one red show the verdict.
        buttons: push-buttons.
        usb: how the board appears on the host.
        notes: what to know, with sources.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    title: str
    msdk: str
    console: Console
    clock: Clock
    cnn: Cnn = Cnn()
    pads: Pads = Pads()
    leds: tuple[Led, ...] = ()
    buttons: tuple[Button, ...] = ()
    usb: tuple[UsbDevice, ...] = ()
    notes: tuple[Note, ...] = ()

    @model_validator(mode="after")
    def _no_pin_twice(self) -> Board:
        users: dict[Pin, str] = {}
        named = [("console.rx", self.console.rx), ("console.tx", self.console.tx)]
        named += [(f"leds {led.name}", led.pin) for led in self.leds]
        named += [(f"buttons {button.name}", button.pin) for button in self.buttons]
        if self.cnn.boost is not None:
            named.append(("cnn.boost", self.cnn.boost))
        for user, pin in named:
            if pin in users:
                raise ValueError(f"pin {pin} is used twice: {users[pin]} and {user}")
            users[pin] = user
        return self

    def led(self, color: str) -> Led | None:
        """The first light of this colour."""
        return next((led for led in self.leds if led.color == color), None)


def board_names() -> tuple[str, ...]:
    """Names of the known boards, sorted."""
    return tuple(sorted(path.stem for path in boards_folder().glob("*.toml")))


def load_board(name_or_path: str | Path) -> Board:
    """The board called so, or described in this file (anything that ends in ``.toml``).

    Raises:
        UsageError: no such board, or the file is not a board description (all faults together).
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if str(name_or_path) not in board_names():
            raise UsageError(_unknown_board(str(name_or_path)))
        path = boards_folder() / f"{name_or_path}.toml"
    return _read(path)


def _read(path: Path) -> Board:
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(_unreadable(path, error)) from error
    try:
        return Board.model_validate(data)
    except ValidationError as error:
        raise UsageError(_fault(path, data, e) for e in error.errors()) from error


def _unknown_board(name: str) -> Diagnostic:
    known = board_names()
    close = difflib.get_close_matches(name, known, n=1)
    other = "take one of these, or give the path of a board's .toml file"
    return Diagnostic(
        code="MX6001",
        where=f"board {name}",
        what="there is no board of this name",
        why=f"known boards: {', '.join(known)}",
        fix=f"did you mean {close[0]}?" if close else other,
    )


def _unreadable(path: Path, error: Exception) -> Diagnostic:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return Diagnostic(
        code="MX6002",
        where=str(path),
        what=f"the board file cannot be read: {reason}",
        fix=f"write it in TOML, like {boards_folder() / board_names()[0]}.toml",
    )


def _fault(path: Path, data: dict[str, Any], error: ErrorDetails) -> Diagnostic:
    key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error["loc"]).lstrip(".")
    name = data.get("name")
    where = f"{path}: {key or 'board'}" + (f" (board {name})" if isinstance(name, str) else "")
    kind = str(error["type"])
    if kind == "extra_forbidden":
        what, fix = "no such key", "remove it, or check its spelling"
    elif kind == "missing":
        what, fix = "the key is missing", "add it"
    else:
        given = error["input"]
        shown = "" if isinstance(given, dict) else f", not {given!r}"
        what = str(error["msg"]).removeprefix("Value error, ") + shown
        fix = "correct the value"
    return Diagnostic(code="MX6003", where=where, what=what, fix=fix)
