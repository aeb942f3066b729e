"""What comes out of a replay."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mxdeploy.emulator.accelerator import LayerResult, RunTime
from mxdeploy.errors import Diagnostic

WEAK_VALUES = 2
"""Answers of one or two different words are weak."""


class Status(StrEnum):
    """Outcome of a replay."""

    EXACT = "exact"
    MISMATCH = "mismatch"
    NOT_MODELLED = "not_modelled"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first value that differs.

    Attributes:
        address: bus address of the word, or None when only a layer's tensor differs.
        layer: layer that wrote it, if known.
        channel: output channel, if known.
        row: output row, if known.
        column: output column, if known.
        expected: recorded value (masked word, or tensor element).
        got: computed value.
    """

    address: int | None
    layer: int | None
    channel: int | None
    row: int | None
    column: int | None
    expected: int
    got: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a program was not executed to its end.

    Attributes:
        text: the diagnostics.
        register: mnemonic of the register that is not modelled, if one is to blame.
        field: its field.
        value: the field's value.
    """

    text: str
    register: str | None = None
    field: str | None = None
    value: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """What came out of one replay.

    Attributes:
        name: name of the trace.
        status: exact, mismatch, not modelled, or not a readable trace.
        difference: the first recorded word that differs.
        layer_difference: the first recorded layer whose output differs. It does not decide: the
            recorded layers come from a simulation beside the program, the words from the program.
        refusal: the reason when something is not modelled or the program never finishes.
        words_compared: recorded words that were compared.
        words_different: how many of them differ.
        layers_compared: recorded layer outputs that were compared.
        layers_different: how many of them differ.
        distinct_values: how many different words are expected.
        doubts: what the chip may do differently, as warnings.
        layer_cycles: CNN clock cycles of each layer's own work.
        time: how long the last start took; None when nothing ran.
        layers: what each layer did; empty when several programs are replayed.
        seconds: from the first store to the last comparison.
    """

    name: str
    status: Status
    difference: Difference | None = None
    layer_difference: Difference | None = None
    refusal: Refusal | None = None
    words_compared: int = 0
    words_different: int = 0
    layers_compared: int = 0
    layers_different: int = 0
    distinct_values: int = 0
    doubts: tuple[Diagnostic, ...] = ()
    layer_cycles: tuple[int, ...] = ()
    time: RunTime | None = None
    layers: tuple[LayerResult, ...] = ()
    seconds: float = 0.0

    @property
    def weak(self) -> bool:
        """At most two different words are expected, so that the comparison proves little."""
        return self.distinct_values <= WEAK_VALUES
