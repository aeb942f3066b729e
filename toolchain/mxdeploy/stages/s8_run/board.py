"""The third of the three machines: the compiled firmware on the virtual board.

The firmware runs its known-answer test after the reset and prints what it computed on lines that
begin with ``@``; everything else it prints is for people.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mxdeploy.emulator.board import StopReason, VirtualBoard
from mxdeploy.errors import DeviceError, Diagnostic
from mxdeploy.ir.plan import Plan
from mxdeploy.ir.project import Firmware
from mxdeploy.ir.result import RunResult
from mxdeploy.ir.tensor import Tensor

VIRTUAL_SECONDS = 60.0
WALL_SECONDS = 120.0
EPILOGUE_SECONDS = 1.0
"""Virtual time in which the firmware finishes its text after the verdict."""
MARK = "@"
_PROMPT = b"\n> "
_OUTPUT = re.compile(r"@output (\d+) (\S+) (8|32) (\d+) (\d+) (\d+)(?: ([0-9a-f]+))?")
_DATA = re.compile(r"@data ([0-9a-f]+)")
_OUTPUT_CRC = re.compile(r"@output_crc (\d+) \S+ \d+ \d+ \d+ \d+ ([0-9a-f]{8})")
_MODEL = re.compile(r"@model (\d+) \S+ (?:real|position) \d+ ([0-9a-f]{8})")
_TIME = re.compile(r"@time_us (\d+)")
_RESULT = re.compile(r"@result (PASS|FAIL)")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRun:
    """One run of the firmware's known-answer test.

    Attributes:
        board: name of the board.
        result: outputs as the firmware printed them, with ``machine`` = ``board``; cycles as the
            accelerator model counted them.
        checksums: CRC-32 of each output that is not told element by element, with its number.
        model: CRC-32 of each output of the model that the firmware computed, with its number.
        text: what a person sees on the serial console, without the lines for programs.
        time_us: duration of the inference measured by the firmware; None when it did not get
            that far.
        passed: the firmware's own verdict.
        wall_seconds: real time of the run, boot included.
        virtual_seconds: the board's own time, start-up wait included.
        diagnostics: warnings of the board.
    """

    board: str
    result: RunResult
    checksums: tuple[tuple[int, int], ...]
    model: tuple[tuple[int, int], ...]
    text: str
    time_us: int | None
    passed: bool
    wall_seconds: float
    virtual_seconds: float
    diagnostics: tuple[Diagnostic, ...] = ()


def run_on_virtual_board(
    firmware: Firmware, plan: Plan, board_name: str, *, lenient: bool = False
) -> BoardRun:
    """Boot the firmware, let it test itself, and read what it prints.

    Args:
        firmware: the compiled image.
        plan: what it was generated from; names and order of the outputs.
        board_name: board to run on.
        lenient: note and ignore undeclared accesses instead of stopping.

    Raises:
        ToolError: the CPU emulator is not installed.
        DeviceError: the firmware failed, or printed something else than it should.
        ModelError: the firmware used something that is not modelled.
    """
    started = time.monotonic()
    board = VirtualBoard(board_name, firmware.elf, lenient=lenient)
    reason = board.run(
        b"@result ", limit_seconds_virtual=VIRTUAL_SECONDS, wall_seconds=WALL_SECONDS
    )
    if reason is StopReason.UNTIL:
        board.run(_PROMPT, limit_seconds_virtual=EPILOGUE_SECONDS, wall_seconds=WALL_SECONDS)
    lines = board.uart_output.decode("utf-8", "replace").splitlines()
    if reason is not StopReason.UNTIL:
        raise DeviceError(_no_verdict(board_name, reason, lines))
    told = tuple(line for line in lines if line.startswith(MARK))
    verdict = _first(_RESULT, told)
    measured = _first(_TIME, told)
    result = RunResult(
        machine="board",
        layers=(),
        outputs=tuple(_outputs(told, plan, board_name)),
        cycles=board.inference_cycles,
    )
    return BoardRun(
        board=board_name,
        result=result,
        checksums=tuple(_checksums(_OUTPUT_CRC, told)),
        model=tuple(_checksums(_MODEL, told)),
        text=_text_for_people(lines),
        time_us=int(measured) if measured is not None else None,
        passed=verdict == "PASS",
        wall_seconds=time.monotonic() - started,
        virtual_seconds=board.seconds,
        diagnostics=board.diagnostics,
    )


def _text_for_people(lines: list[str]) -> str:
    kept = [line.rstrip() for line in lines if not line.startswith((MARK, "> "))]
    return "\n".join(kept).strip("\n") + "\n"


def _first(pattern: re.Pattern[str], lines: tuple[str, ...]) -> str | None:
    for line in lines:
        if match := pattern.fullmatch(line):
            return match[1]
    return None


def _checksums(pattern: re.Pattern[str], lines: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    for line in lines:
        if match := pattern.fullmatch(line):
            yield int(match[1]), int(match[2], 16)


def _outputs(lines: tuple[str, ...], plan: Plan, board: str) -> Iterator[tuple[str, Tensor]]:
    """The outputs in the order of the plan.

    Raises:
        DeviceError: an output is there twice, incomplete, or not one of the plan's.
    """
    heads = [(n, match) for n, line in enumerate(lines) if (match := _OUTPUT.fullmatch(line))]
    for expected, (position, match) in enumerate(heads):
        index = int(match[1])
        if index != expected or index >= len(plan.outputs):
            raise DeviceError(_bad_output(board, lines[position], "it is not the next output"))
        digits = match[7] or "".join(_data(lines[position + 1 :]))
        yield plan.outputs[index].value, _tensor(match, digits, board)


def _data(lines: tuple[str, ...]) -> Iterator[str]:
    for line in lines:
        match = _DATA.fullmatch(line)
        if match is None:
            return
        yield match[1]


def _tensor(match: re.Match[str], digits: str, board: str) -> Tensor:
    shape = tuple(int(match[n]) for n in (4, 5, 6))
    elements = shape[0] * shape[1] * shape[2]
    dtype = np.dtype(np.int8) if match[3] == "8" else np.dtype(">i4")
    if len(digits) != 2 * dtype.itemsize * elements:
        found = f"{elements} elements announced, {len(digits)} hexadecimal digits follow"
        raise DeviceError(_bad_output(board, match[0], found))
    array = np.frombuffer(bytes.fromhex(digits), dtype=dtype).reshape(shape)
    return Tensor(array.astype(array.dtype.newbyteorder("=")))


def _no_verdict(board: str, reason: StopReason, lines: list[str]) -> Diagnostic:
    return Diagnostic(
        code="MX7079",
        where=f"virtual board {board}",
        what=f"the firmware ended without a verdict: {reason.value}",
        why="\n".join(["its last lines:", *(f"  {line}" for line in lines[-8:])]),
    )


def _bad_output(board: str, line: str, what: str) -> Diagnostic:
    return Diagnostic(
        code="MX7080",
        where=f"virtual board {board}, line {line[:60]!r}",
        what=f"the firmware's output cannot be understood: {what}",
    )
