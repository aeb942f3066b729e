"""What the host and the firmware say to each other: messages, fields, limits, timeouts.

All numbers are little-endian. The codec here, the C header of the firmware and the page in the
documentation are made from these tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

VERSION: Final = 1
"""Byte 0 of every frame. The header up to the status never changes its layout, so that either side
can tell that the other one is of another version."""
ANSWER_BIT: Final = 0x80
"""The type of an answer is the type of its request with this bit set."""
BOOT_ANY: Final = 0
"""The boot number of a request that does not belong to a session; no board has this number."""

# --- limits -------------------------------------------------------------------------------------

CHUNK_BYTES: Final = 1024
"""Most data bytes in one message: 90 ms at 115200 baud, the most that one lost byte can cost."""
TEXT_BYTES: Final = 96
"""Longest text; longer ones are cut off."""
SRAM_RESERVE_BYTES: Final = 8192
"""SRAM left free when the generator decides whether the input fits beside stack and outputs."""

# --- timeouts -----------------------------------------------------------------------------------

FRAME_GAP_MS: Final = 200
"""Firmware: silence inside a frame after which it is given up and text is understood again."""
RUN_MS: Final = 10_000
"""Firmware: longest inference."""
FIRST_RETRY_SECONDS: Final = 0.25
"""Host: silence after which a request is sent again, beyond the time its bytes need on the line;
doubled with every try up to ``LAST_RETRY_SECONDS``."""
LAST_RETRY_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 20.0
"""Host: after this time without a good answer the board is given up. Longer than a reset with its
start-up wait and known-answer test, and than the longest inference."""


class Kind(StrEnum):
    """How a field is encoded."""

    U8 = "u8"
    U16 = "u16"
    U32 = "u32"
    DIGEST = "digest"
    TEXT = "text"
    BYTES = "bytes"

    @property
    def size(self) -> int | None:
        """Bytes; None when they vary."""
        return {"u8": 1, "u16": 2, "u32": 4, "digest": 32}.get(self.value)


KIND_TEXTS: Final = {
    Kind.U8: "unsigned byte",
    Kind.U16: "unsigned, 2 bytes",
    Kind.U32: "unsigned, 4 bytes",
    Kind.DIGEST: "SHA-256, 32 bytes",
    Kind.TEXT: f"one length byte (at most {TEXT_BYTES}) and so many bytes of ASCII",
    Kind.BYTES: f"0 to {CHUNK_BYTES} bytes: all that is left of the frame",
}

Value = int | bytes | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a message."""

    name: str
    kind: Kind
    text: str


def field(name: str, kind: Kind, text: str) -> Field:
    """A field; short for the tables below."""
    return Field(name=name, kind=kind, text=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A request and its answer (the answer's fields follow only when its status is OK)."""

    name: str
    code: int
    text: str
    request: tuple[Field, ...] = ()
    answer: tuple[Field, ...] = ()


class Status(IntEnum):
    """Byte 8 of an answer."""

    OK = 0
    VERSION = 1
    COMMAND = 2
    LENGTH = 3
    RANGE = 4
    RESTARTED = 5
    INPUT = 6
    NO_RESULT = 7
    TIMEOUT = 8
    NO_ROOM = 9


STATUS_TEXTS: Final = {
    Status.OK: "done",
    Status.VERSION: "the firmware speaks another version of the protocol (byte 0 says which)",
    Status.COMMAND: "there is no such command",
    Status.LENGTH: "the message has a wrong length",
    Status.RANGE: "an offset, a count, an index or a number of layers is out of range",
    Status.RESTARTED: "the board was reset since the boot number in the request was given out",
    Status.INPUT: "the input's CRC-32 is not the announced one: a part is missing",
    Status.NO_RESULT: "nothing was run, or the last run did not end with what is asked for",
    Status.TIMEOUT: f"the accelerator did not finish within {RUN_MS} ms",
    Status.NO_ROOM: "the input does not fit the SRAM beside the rest: the firmware cannot load it",
}

HEADER: Final = (
    field("version", Kind.U8, f"{VERSION}"),
    field("type", Kind.U8, "code of the command; in an answer with bit 7 set"),
    field("sequence", Kind.U16, "chosen by the host, next number for each new request"),
    field("boot", Kind.U32, "the board's boot number; a request that begins a session holds 0"),
)
ANSWER_HEADER: Final = (*HEADER, field("status", Kind.U8, "how it went"))
CRC: Final = field("crc", Kind.U32, "CRC-32 (polynomial of zlib, Ethernet) of all bytes before")

HELLO = Command(
    name="hello",
    code=0x01,
    text="Begins a session: who is there? The answer's header holds the boot number.",
    answer=(
        field("network", Kind.DIGEST, "digest of the network (`build.json`: network_digest)"),
        field("program", Kind.DIGEST, "digest of the register program"),
        field("channels", Kind.U16, "of the input"),
        field("rows", Kind.U16, "of the input"),
        field("columns", Kind.U16, "of the input"),
        field("layers", Kind.U8, "hardware layers"),
        field("outputs", Kind.U8, "outputs of the network"),
        field("timer_hz", Kind.U32, "ticks per second of all durations"),
        field("cycles", Kind.U32, "estimated CNN clock cycles of an inference"),
        field("cnn_hz", Kind.U32, "CNN clock cycles per second"),
        field("input_room", Kind.U32, "bytes of input that the firmware can hold"),
        field("board", Kind.TEXT, "name of the board the firmware was built for"),
        field("compiler", Kind.TEXT, "as the compiler calls itself"),
    ),
)
LOAD = Command(
    name="load",
    code=0x02,
    text="A part of the input, signed bytes in channels x rows x columns order; parts may come in "
    "any order and more than once.",
    request=(
        field("offset", Kind.U32, "of the first byte"),
        field("data", Kind.BYTES, "input bytes"),
    ),
)
RUN = Command(
    name="run",
    code=0x03,
    text="Moves the loaded input to the accelerator and runs the first layers, or all of them. "
    "Layers that stream run together, so that their number is the least. The input stays loaded.",
    request=(
        field("input_crc", Kind.U32, "CRC-32 of the whole input"),
        field("layers", Kind.U8, "number of layers to run, from the first one on"),
    ),
    answer=(
        field(
            "load_ticks",
            Kind.U32,
            "moving the input into the accelerator's memories (none of it with FIFOs, to which it "
            "goes after the start)",
        ),
        field("cnn_ticks", Kind.U32, "from the start of the accelerator to its interrupt"),
    ),
)
READ_OUTPUT = Command(
    name="read_output",
    code=0x04,
    text="Elements of an output in channels x rows x columns order, 1 or 4 bytes each in two's "
    "complement; the last run must have run all layers.",
    request=(
        field("output", Kind.U8, "number of the output"),
        field("first", Kind.U32, "first element"),
        field("count", Kind.U16, f"elements, at most {CHUNK_BYTES} bytes of them"),
    ),
    answer=(field("data", Kind.BYTES, "the elements"),),
)
READ_LAYER = Command(
    name="read_layer",
    code=0x05,
    text="The same of a hardware layer's tensor; the last run must have ended with this layer "
    "(later layers overwrite earlier tensors).",
    request=(
        field("layer", Kind.U8, "number of the layer, from 0"),
        field("first", Kind.U32, "first element"),
        field("count", Kind.U16, f"elements, at most {CHUNK_BYTES} bytes of them"),
    ),
    answer=(field("data", Kind.BYTES, "the elements"),),
)
STATISTICS = Command(
    name="statistics",
    code=0x06,
    text="What the firmware has counted since its reset; counters start again at 0 beyond 2^32.",
    answer=(
        field("runs", Kind.U32, "complete inferences over this protocol"),
        field("load_ticks_min", Kind.U32, "shortest move of an input"),
        field("load_ticks_max", Kind.U32, "longest"),
        field("cnn_ticks_min", Kind.U32, "shortest inference of all layers"),
        field("cnn_ticks_max", Kind.U32, "longest"),
        field("frames", Kind.U32, "good frames received, this request included"),
        field("dropped", Kind.U32, "frames dropped: damaged, too long, or never ended"),
        field("repeated", Kind.U32, "requests answered again from memory"),
        field("overruns", Kind.U32, "times the UART had no room for a byte"),
    ),
)
ECHO = Command(
    name="echo",
    code=0x07,
    text="Sends the data back.",
    request=(field("data", Kind.BYTES, "any bytes"),),
    answer=(field("data", Kind.BYTES, "the same bytes"),),
)
RESET = Command(
    name="reset",
    code=0x08,
    text="Resets the board, after the answer has left.",
)

COMMANDS: Final = (HELLO, LOAD, RUN, READ_OUTPUT, READ_LAYER, STATISTICS, ECHO, RESET)


def fixed_bytes(fields: Sequence[Field]) -> int:
    """Bytes of the leading fields whose size does not vary."""
    return sum(size for _, size in _leading(fields))


def offsets(fields: Sequence[Field]) -> Iterator[tuple[Field, int]]:
    """Fields that begin at a fixed place, and that place."""
    at = 0
    for item in fields:
        yield item, at
        if item.kind.size is None:
            return
        at += item.kind.size


def longest_bytes(fields: Sequence[Field]) -> int:
    """Bytes of the fields when those that vary are as long as they may be."""
    longest = {Kind.TEXT: 1 + TEXT_BYTES, Kind.BYTES: CHUNK_BYTES}
    return sum(f.kind.size or longest[f.kind] for f in fields)


def _leading(fields: Sequence[Field]) -> Iterator[tuple[Field, int]]:
    for item in fields:
        if item.kind.size is None:
            return
        yield item, item.kind.size


BODY_BYTES: Final = max(
    longest_bytes((*ANSWER_HEADER, *fields, CRC))
    for command in COMMANDS
    for fields in (command.request, command.answer)
)
"""Longest frame before it is encoded, CRC included."""


class LayoutError(ValueError):
    """The bytes are not the fields."""


def pack(fields: Sequence[Field], values: Mapping[str, Value]) -> bytes:
    """The fields as bytes.

    Raises:
        LayoutError: a value does not fit its field.
        KeyError: a value is missing.
    """
    return b"".join(_pack(item, values[item.name]) for item in fields)


def _pack(item: Field, value: Value) -> bytes:
    kind = item.kind
    if isinstance(value, int):
        if kind not in (Kind.U8, Kind.U16, Kind.U32) or not 0 <= value < 1 << 8 * (kind.size or 0):
            raise LayoutError(f"{item.name} = {value} is not {KIND_TEXTS[kind]}")
        return value.to_bytes(kind.size or 0, "little")
    if isinstance(value, str):
        data = value.encode("ascii", "replace")
        if kind is not Kind.TEXT or len(data) > TEXT_BYTES:
            raise LayoutError(f"{item.name} is not {KIND_TEXTS[kind]}")
        return bytes((len(data),)) + data
    if kind is Kind.BYTES and len(value) <= CHUNK_BYTES:
        return value
    if kind is Kind.DIGEST and len(value) == kind.size:
        return value
    raise LayoutError(f"{item.name}, {len(value)} bytes, is not {KIND_TEXTS[kind]}")


def unpack(fields: Sequence[Field], data: bytes) -> dict[str, Value]:
    """The fields in ``data``, which must hold them and nothing else.

    Raises:
        LayoutError: too few or too many bytes.
    """
    found: dict[str, Value] = {}
    at = 0
    for item in fields:
        size = _size(item, data, at)
        piece = data[at : at + size]
        if len(piece) != size:
            raise LayoutError(f"{len(data)} bytes end inside {item.name}")
        at += size
        found[item.name] = _unpack(item.kind, piece)
    if at != len(data):
        raise LayoutError(f"{len(data) - at} bytes too many")
    return found


def _size(item: Field, data: bytes, at: int) -> int:
    if item.kind is Kind.BYTES:
        return len(data) - at
    if item.kind is Kind.TEXT:
        return 1 + data[at] if at < len(data) else 1
    return item.kind.size or 0


def _unpack(kind: Kind, piece: bytes) -> Value:
    if kind in (Kind.U8, Kind.U16, Kind.U32):
        return int.from_bytes(piece, "little")
    return piece[1:].decode("ascii", "replace") if kind is Kind.TEXT else piece
