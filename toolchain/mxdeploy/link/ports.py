"""What is plugged in: serial ports, DAPLink adapters with their drives, running virtual boards.

A board is recognised by the USB numbers in its description (``boards/*.toml``). The Feather board
is one USB device: the serial number of its port is the unique id of its debug adapter and stands
in DETAILS.TXT of the adapter's drive. The evaluation kit is two: a serial bridge, and an adapter
on a cable of its own, so that nothing on the host tells which adapter belongs to which bridge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from mxdeploy.boards import Board, board_names, load_board
from mxdeploy.link import virtual
from mxdeploy.link.volumes import Volume, find_volumes

BOARD_ID_DIGITS = 4
BOARD_IDS = {
    "0444": "adapter with the vendor's image for MAX78000 and MAX78002 boards",
    "0423": "adapter with the public DAPLink image for the MAX78000FTHR",
    "0416": "MAX32625PICO with a plain image",
    "0409": "adapter with an image for the MAX32630FTHR: cannot copy to a MAX78000",
}
"""First digits of an adapter's unique id. Source: logs in the vendor's public issue tracker and
the boards of DAPLink; none of them was read from a board here."""
WRONG_TARGETS = frozenset({"0409"})
"""Adapters whose drive programs another chip; their firmware must be replaced first."""


class UsbPort(Protocol):
    """What is used of pyserial's port description."""

    @property
    def device(self) -> str:
        """Name to open it by."""

    @property
    def description(self) -> str | None:
        """The system's words for it."""

    @property
    def vid(self) -> int | None:
        """USB vendor."""

    @property
    def pid(self) -> int | None:
        """USB product."""

    @property
    def serial_number(self) -> str | None:
        """USB serial number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialPort:
    """A serial port of the host.

    Attributes:
        device: name to open it by.
        text: what it is, for people.
        usb: ``vid:pid``, four hexadecimal digits each; empty when it is not on USB.
        serial_number: USB serial number, lower case; empty if unknown.
        console_of: boards whose console may be behind it.
        probe_of: boards whose debug adapter may own it.
    """

    device: str
    text: str
    usb: str = ""
    serial_number: str = ""
    console_of: tuple[str, ...] = ()
    probe_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A DAPLink debug adapter.

    Attributes:
        unique_id: USB serial number, lower case; the id that pyOCD and OpenOCD take.
        text: what its id says about it.
        port: its serial port, if seen.
        volume: where its drive is mounted, if it is.
        firmware: version of its firmware; empty when the drive was not seen.
        maintenance: whether it is in its own bootloader.
        wrong_target: whether copying to its drive programs another chip.
    """

    unique_id: str
    text: str
    port: str | None = None
    volume: Path | None = None
    firmware: str = ""
    maintenance: bool = False
    wrong_target: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All that was found."""

    ports: tuple[SerialPort, ...]
    probes: tuple[Probe, ...]
    virtual_boards: tuple[virtual.RunningBoard, ...]

    def port(self, device: str) -> SerialPort | None:
        """The serial port of this name."""
        return next((port for port in self.ports if port.device == device), None)

    def probe(self, unique_id: str) -> Probe | None:
        """The adapter of this id, whatever the case of its digits."""
        return next((p for p in self.probes if p.unique_id == unique_id.lower()), None)

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        probes = [asdict(p) | {"volume": p.volume and str(p.volume)} for p in self.probes]
        lists = ("console_of", "probe_of")
        ports = [asdict(p) | {name: list(getattr(p, name)) for name in lists} for p in self.ports]
        return {
            "ports": ports,
            "probes": probes,
            "virtual_boards": [asdict(b) for b in self.virtual_boards],
        }


def look() -> Inventory:
    """Everything that is plugged in now.

    Raises:
        DeviceError: the folder of running virtual boards belongs to somebody else.
    """
    from serial.tools import list_ports

    return inventory(list_ports.comports(), find_volumes(), virtual.running())


def inventory(
    ports: Iterable[UsbPort],
    volumes: Sequence[Volume],
    boards: Iterable[virtual.RunningBoard],
) -> Inventory:
    """Say what ports and drives are, and which belong together."""
    known = tuple(load_board(name) for name in board_names())
    described = tuple(sorted((_port(p, known) for p in ports), key=lambda p: p.device))
    by_id = {p.serial_number: p for p in described if p.probe_of and p.serial_number}
    drives = {v.unique_id: v for v in volumes}
    ids = sorted(by_id.keys() | drives.keys())
    probes = tuple(_probe(i, by_id.get(i), drives.get(i)) for i in ids)
    return Inventory(ports=described, probes=probes, virtual_boards=tuple(boards))


def _port(port: UsbPort, known: tuple[Board, ...]) -> SerialPort:
    numbers = (port.vid, port.pid)
    uses = [(b, u) for b in known for u in b.usb if (u.vid, u.pid) == numbers]
    consoles = tuple(board.name for board, use in uses if use.role == "console")
    probes = tuple(board.name for board, use in uses if use.role == "probe")
    given = port.description if port.description not in (None, "", "n/a") else ""
    return SerialPort(
        device=port.device,
        text="; or ".join(f"{board.title}: {use.text}" for board, use in _distinct(uses))
        or given
        or "",
        usb="" if port.vid is None or port.pid is None else f"{port.vid:04x}:{port.pid:04x}",
        serial_number=(port.serial_number or "").lower(),
        console_of=consoles,
        probe_of=probes,
    )


def _distinct(uses: list[tuple[Board, Any]]) -> list[tuple[Board, Any]]:
    """One use for each board: the console says more than the adapter behind it."""
    first: dict[str, tuple[Board, Any]] = {}
    for board, use in sorted(uses, key=lambda item: item[1].role != "console"):
        first.setdefault(board.name, (board, use))
    return list(first.values())


def _probe(unique_id: str, port: SerialPort | None, volume: Volume | None) -> Probe:
    board_id = unique_id[:BOARD_ID_DIGITS]
    return Probe(
        unique_id=unique_id,
        text=BOARD_IDS.get(board_id, f"DAPLink adapter with board id {board_id or 'unknown'}"),
        port=None if port is None else port.device,
        volume=None if volume is None else volume.path,
        firmware="" if volume is None else volume.firmware,
        maintenance=volume is not None and volume.maintenance,
        wrong_target=board_id in WRONG_TARGETS,
    )
