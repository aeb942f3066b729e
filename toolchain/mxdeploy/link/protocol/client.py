"""The host's side of the serial protocol: requests, answers, and what to do when one is lost.

One request is under way at a time. It is sent again with the same sequence number until its answer
has come; the firmware answers a repeated number from memory, so nothing is done twice. An answer
counts only with a good CRC, the number and command of the request, and the boot number that the
session began with.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from mxdeploy.errors import DeviceError, Diagnostic
from mxdeploy.link.protocol import description as d
from mxdeploy.link.protocol.frames import Frame, Splitter, crc32

_SEQUENCES = 1 << 16
_RECEIVE_BYTES = 4096
_SHOWN_BYTES = 60
_BITS_PER_BYTE = 10
"""On the line: start, eight data bits, stop."""


class Line(Protocol):
    """What ``link.transport.Transport`` gives."""

    url: str

    def write(self, data: bytes) -> None:
        """Send all of it."""

    def read(self, size: int, *, timeout_seconds: float) -> bytes:
        """Up to ``size`` bytes: what has come when that many are there or the time is over."""


class BoardRestartedError(DeviceError):
    """The board was reset in the middle of a session; what was loaded into it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who answers.

    Attributes:
        network: digest of the network, hexadecimal.
        program: digest of the register program, hexadecimal.
        input_shape: channels, rows, columns.
        layers: number of hardware layers.
        outputs: number of outputs.
        timer_hz: ticks per second of the durations in ``RunTimes``.
        cycles: estimated CNN clock cycles of an inference.
        cnn_hz: CNN clock cycles per second.
        input_room: bytes of input that the firmware can hold; 0 when it cannot load inputs.
        board: name of the board the firmware was built for.
        compiler: as the compiler calls itself.
    """

    network: str
    program: str
    input_shape: tuple[int, int, int]
    layers: int
    outputs: int
    timer_hz: int
    cycles: int
    cnn_hz: int
    input_room: int
    board: str
    compiler: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTimes:
    """Durations in ticks of the chip's timer: input into the memories; start to interrupt."""

    load_ticks: int
    cnn_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What the firmware has counted since its reset; see ``description.STATISTICS``."""

    runs: int
    load_ticks_min: int
    load_ticks_max: int
    cnn_ticks_min: int
    cnn_ticks_max: int
    frames: int
    dropped: int
    repeated: int
    overruns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the host waits.

    Attributes:
        first_retry_seconds: silence after which a request is sent again; doubled every time.
        last_retry_seconds: longest such silence.
        answer_seconds: time after which the board is given up.
        baud: speed of the line, for the time that bytes need on it.
    """

    first_retry_seconds: float = d.FIRST_RETRY_SECONDS
    last_retry_seconds: float = d.LAST_RETRY_SECONDS
    answer_seconds: float = d.ANSWER_SECONDS
    baud: int = 115200

    def on_the_line(self, size: int) -> float:
        """Seconds that ``size`` bytes and the longest answer need."""
        return (size + d.BODY_BYTES) * _BITS_PER_BYTE / self.baud


_PATIENCE = Patience()


class Client:
    """A session with the firmware.

    Attributes:
        repeats: requests that were sent again.
    """

    def __init__(
        self,
        line: Line,
        patience: Patience = _PATIENCE,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is sent yet; begin with ``hello``."""
        self._line = line
        self._patience = patience
        self._clock = clock
        self._splitter = Splitter()
        # Answers to a program that used the port before must not look like ours.
        self._sequence = secrets.randbelow(_SEQUENCES)
        self._boot = d.BOOT_ANY
        self._heard = b""
        self.repeats = 0

    @property
    def boot(self) -> int:
        """The board's boot number; 0 before ``hello``."""
        return self._boot

    # --- commands ---------------------------------------------------------------------------

    def hello(self) -> Identity:
        """Begin a session.

        Raises:
            DeviceError: nobody answers, or in another version of the protocol.
        """
        self._boot = d.BOOT_ANY
        fields = self._request(d.HELLO)
        numbers = {name: value for name, value in fields.items() if isinstance(value, int)}
        return Identity(
            network=_hex(fields["network"]),
            program=_hex(fields["program"]),
            input_shape=(numbers["channels"], numbers["rows"], numbers["columns"]),
            layers=numbers["layers"],
            outputs=numbers["outputs"],
            timer_hz=numbers["timer_hz"],
            cycles=numbers["cycles"],
            cnn_hz=numbers["cnn_hz"],
            input_room=numbers["input_room"],
            board=str(fields["board"]),
            compiler=str(fields["compiler"]),
        )

    def load(self, data: bytes) -> int:
        """Send an input, in channels x rows x columns order.

        Returns:
            Its CRC-32, for ``run``.

        Raises:
            DeviceError: see ``hello``; or the firmware has no room for it.
            BoardRestartedError: the board was reset since ``hello``.
        """
        for offset in range(0, len(data), d.CHUNK_BYTES):
            self._request(d.LOAD, offset=offset, data=data[offset : offset + d.CHUNK_BYTES])
        return crc32(data)

    def run(self, input_crc: int, layers: int) -> RunTimes:
        """Run the first ``layers`` layers on the loaded input.

        Raises:
            DeviceError: see ``load``; or the accelerator does not finish.
        """
        fields = self._request(d.RUN, input_crc=input_crc, layers=layers)
        return RunTimes(**{n: v for n, v in fields.items() if isinstance(v, int)})

    def read_output(self, output: int, elements: int, element_bytes: int) -> bytes:
        """All elements of an output, in channels x rows x columns order.

        Args:
            output: number of the output.
            elements: how many it has.
            element_bytes: 1 or 4.

        Raises:
            DeviceError: see ``load``; or there is no result.
        """
        return self._read(d.READ_OUTPUT, {"output": output}, elements, element_bytes)

    def read_layer(self, layer: int, elements: int, element_bytes: int) -> bytes:
        """All elements of the tensor of the layer that the last run ended with.

        Raises:
            DeviceError: see ``read_output``.
        """
        return self._read(d.READ_LAYER, {"layer": layer}, elements, element_bytes)

    def statistics(self) -> Statistics:
        """What the firmware has counted."""
        fields = self._request(d.STATISTICS)
        return Statistics(**{n: v for n, v in fields.items() if isinstance(v, int)})

    def echo(self, data: bytes) -> bytes:
        """At most ``CHUNK_BYTES`` bytes, there and back."""
        return bytes(self._request(d.ECHO, data=data)["data"])  # type: ignore[arg-type] # BYTES

    def reset(self) -> Identity:
        """Reset the board and begin a new session when it is up again.

        Raises:
            DeviceError: see ``hello``; or the board did not reset.
        """
        before = self._boot
        with suppress(BoardRestartedError):  # its answer was lost, not the request
            self._request(d.RESET)
        identity = self.hello()
        if self._boot == before:
            raise DeviceError(_no_reset(self._line.url, before))
        return identity

    def _read(
        self, command: d.Command, which: dict[str, int], elements: int, element_bytes: int
    ) -> bytes:
        data = b""
        per_request = d.CHUNK_BYTES // element_bytes
        for first in range(0, elements, per_request):
            count = min(per_request, elements - first)
            piece = self._request(command, **which, first=first, count=count)["data"]
            if not isinstance(piece, bytes) or len(piece) != count * element_bytes:
                raise DeviceError(_bad_answer(self._line.url, command, "another length"))
            data += piece
        return data

    # --- requests and answers ---------------------------------------------------------------

    def _request(self, command: d.Command, **values: d.Value) -> dict[str, d.Value]:
        """Send a request until it is answered; the answer's fields."""
        self._sequence = (self._sequence + 1) % _SEQUENCES
        frame = Frame(
            code=command.code,
            sequence=self._sequence,
            boot=self._boot,
            status=None,
            payload=d.pack(command.request, values),
        )
        answer = self._exchange(command, frame)
        self._check(command, answer)
        try:
            return d.unpack(command.answer, answer.payload)
        except d.LayoutError as error:
            raise DeviceError(_bad_answer(self._line.url, command, str(error))) from error

    def _exchange(self, command: d.Command, frame: Frame) -> Frame:
        encoded, patience = frame.encode(), self._patience
        deadline = self._clock() + patience.answer_seconds
        silence = patience.first_retry_seconds
        self._heard = b""
        while True:
            self._line.write(encoded)
            wait = silence + patience.on_the_line(len(encoded))
            answer = self._await(frame, min(self._clock() + wait, deadline))
            if answer is not None:
                return answer
            if self._clock() >= deadline:
                raise DeviceError(_no_answer(self._line.url, command, patience, self._heard))
            silence = min(2 * silence, patience.last_retry_seconds)
            self.repeats += 1

    def _await(self, request: Frame, until: float) -> Frame | None:
        while (left := until - self._clock()) > 0:
            data = self._line.read(1, timeout_seconds=left)
            if data:
                data += self._line.read(_RECEIVE_BYTES, timeout_seconds=0)
            self._heard = (self._heard + data)[-_SHOWN_BYTES:]
            for frame in self._splitter.feed(data):
                is_ours = (frame.code, frame.sequence) == (request.code, request.sequence)
                if frame.status is not None and is_ours:
                    return frame
        return None

    def _check(self, command: d.Command, answer: Frame) -> None:
        """Raise what an answer means that is not a plain yes."""
        if answer.version != d.VERSION or answer.status == d.Status.VERSION:
            raise DeviceError(_other_version(self._line.url, answer.version))
        if command is d.HELLO and answer.status == d.Status.OK:
            self._boot = answer.boot
        elif answer.boot != self._boot or answer.status == d.Status.RESTARTED:
            raise BoardRestartedError(_restarted(self._line.url, command))
        if answer.status != d.Status.OK:
            raise DeviceError(_refused(self._line.url, command, answer.status or 0))


def _hex(value: d.Value) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _no_answer(url: str, command: d.Command, patience: Patience, heard: bytes) -> Diagnostic:
    return Diagnostic(
        code="MX7601",
        where=url,
        what=f"no answer to {command.name} within {patience.answer_seconds:g} s",
        why=f"what came instead ends with {heard!r}" if heard else "nothing was received",
        fix="is firmware of a build running there? flash the build, or reset the board",
    )


def _other_version(url: str, version: int) -> Diagnostic:
    return Diagnostic(
        code="MX7602",
        where=url,
        what=f"the firmware speaks version {version} of the serial protocol",
        why=f"this program speaks version {d.VERSION}",
        fix="build the model again with this version of mxdeploy, and flash it",
    )


def _restarted(url: str, command: d.Command) -> Diagnostic:
    return Diagnostic(
        code="MX7603",
        where=url,
        what=f"the board was reset before it answered {command.name}",
        why="its boot number has changed: what had been loaded and computed is lost",
        fix="run the command again; if it happens again, look at the power supply",
    )


def _refused(url: str, command: d.Command, status: int) -> Diagnostic:
    known = {int(s): text for s, text in d.STATUS_TEXTS.items()}
    return Diagnostic(
        code="MX7604",
        where=url,
        what=f"the firmware refused {command.name}: {known.get(status, f'status {status}')}",
        fix="see docs/serial-protocol.md",
    )


def _bad_answer(url: str, command: d.Command, what: str) -> Diagnostic:
    return Diagnostic(
        code="MX7605",
        where=url,
        what=f"the answer to {command.name} is not what was asked for: {what}",
        fix="build the model again with this version of mxdeploy, and flash it",
    )


def _no_reset(url: str, boot: int) -> Diagnostic:
    return Diagnostic(
        code="MX7606",
        where=url,
        what=f"the board did not reset: its boot number is still {boot:#010x}",
        fix="press its reset button",
    )
