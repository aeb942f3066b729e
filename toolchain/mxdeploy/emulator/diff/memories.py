"""Kernel, bias and data memories at the start, and the answers that the programs expect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.emulator.diff.numbers import padded
from mxdeploy.emulator.diff.state import State
from mxdeploy.emulator.trace import TraceFile


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitDiff:
    """A memory that differs.

    Attributes:
        unit: processor (kernels), quadrant (biases) or memory (data).
        count: differing words (of biases: bytes).
        first: number of the first of them.
        a: its content in A, hexadecimal.
        b: its content in B.
    """

    unit: int
    count: int
    first: int
    a: str
    b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDiff:
    """The network's input as layer 0 reads it.

    Attributes:
        known: both inputs are known.
        same: the same shape and the same values.
        count: values compared.
        different: values that differ.
        text: what differs, in words.
    """

    known: bool
    same: bool
    count: int = 0
    different: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersDiff:
    """The known answers.

    Attributes:
        a: words that A compares.
        b: words that B compares.
        same_addresses: the same addresses in the same order.
        common: words that both compare.
        different: of these, words whose expected values differ in bits that both compare.
        same_values: the same values in the same order, wherever they lie.
        first: address of the first different word, None without.
    """

    a: int
    b: int
    same_addresses: bool
    common: int
    different: int
    same_values: bool
    first: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoriesDiff:
    """All memories."""

    kernels: tuple[UnitDiff, ...]
    biases: tuple[UnitDiff, ...]
    data: tuple[UnitDiff, ...]


def compare_memories(a: State, b: State) -> MemoriesDiff:
    """Compare what lies where, whether it is used or not."""
    words = (mem.PROCESSORS, mem.KERNEL_WORDS, mem.KERNEL_WORD_BYTES)
    kernels = [np.ascontiguousarray(s.kernels.reshape(words)[..., ::-1]) for s in (a, b)]
    biases = [s.biases.view(np.uint8)[..., None] for s in (a, b)]
    data = [np.ascontiguousarray(s.data).astype(">u4").view(np.uint8) for s in (a, b)]
    shape = (mem.DATA_MEMORIES, mem.DATA_WORDS, -1)
    return MemoriesDiff(
        kernels=_units(*kernels),
        biases=_units(*biases),
        data=_units(*(side.reshape(shape) for side in data)),
    )


def _units(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> tuple[UnitDiff, ...]:
    """(units, words, bytes of a word, most significant first) of both programs."""
    wrong = (a != b).any(2)
    found = []
    for unit in np.flatnonzero(wrong.any(1)).tolist():
        first = int(np.flatnonzero(wrong[unit])[0])
        found.append(
            UnitDiff(
                unit=unit,
                count=int(wrong[unit].sum()),
                first=first,
                a=a[unit, first].tobytes().hex(),
                b=b[unit, first].tobytes().hex(),
            )
        )
    return tuple(found)


def compare_inputs(a: State, b: State) -> InputDiff:
    """Compare what the networks read, not where it lies."""
    if a.input is None or b.input is None:
        return InputDiff(known=False, same=False, text="not known")
    x, y = padded(a.input, b.input, (1,))
    if x.shape != y.shape:
        shapes = [
            "x".join(map(str, side.input.shape[1:])) for side in (a, b) if side.input is not None
        ]
        return InputDiff(known=True, same=False, text=f"{shapes[0]} against {shapes[1]}")
    different = int((x != y).sum())
    text = ""
    if different:
        _, channel, row, column = (int(n) for n in np.argwhere(x != y)[0])
        place = (0, channel, row, column)
        text = (
            f"{different:,} of {x.size:,} values differ, first channel {channel}, row {row}, "
            f"column {column}: {x[place]} against {y[place]}"
        )
    return InputDiff(known=True, same=not different, count=x.size, different=different, text=text)


def compare_answers(a: TraceFile, b: TraceFile) -> AnswersDiff:
    """Compare the lists of words that the programs check."""
    same_addresses = bool(np.array_equal(a.expect_address, b.expect_address))
    there = dict(
        zip(
            b.expect_address.tolist(),
            zip(b.expect_mask.tolist(), b.expect_value.tolist(), strict=True),
            strict=True,
        )
    )
    common, wrong = 0, []
    columns = (a.expect_address.tolist(), a.expect_mask.tolist(), a.expect_value.tolist())
    for address, mask, value in zip(*columns, strict=True):
        other = there.get(address)
        if other is None:
            continue
        common += 1
        if (value ^ other[1]) & mask & other[0]:
            wrong.append(address)
    return AnswersDiff(
        a=len(a.expect_address),
        b=len(b.expect_address),
        same_addresses=same_addresses,
        common=common,
        different=len(wrong),
        same_values=bool(np.array_equal(a.expect_value, b.expect_value)),
        first=wrong[0] if wrong else None,
    )
