"""Two programs compared as the chip sees them, from the verdict down to single words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mxdeploy.emulator.diff.layers import LayerDiff, compare_layers, effective
from mxdeploy.emulator.diff.memories import (
    AnswersDiff,
    InputDiff,
    MemoriesDiff,
    compare_answers,
    compare_inputs,
    compare_memories,
)
from mxdeploy.emulator.diff.network import network_of
from mxdeploy.emulator.diff.registers import Effect, RegisterDiff, compare_registers
from mxdeploy.emulator.diff.state import State, state_of
from mxdeploy.emulator.diff.stores import StoresDiff, compare_stores
from mxdeploy.emulator.trace import TraceFile
from mxdeploy.text import count


class Verdict(StrEnum):
    """How close two programs are, closest first."""

    IDENTICAL = "identical"
    SAME_EFFECT = "same effect"
    SAME_IN_MODEL = "same effect in the model"
    OTHER_INPUT = "other input"
    OTHER_PLACEMENT = "other placement"
    OTHER_WEIGHTS = "other weights"
    OTHER_OPERATIONS = "other operations"
    OTHER_NETWORK = "other network"
    UNKNOWN = "not decoded"


SENTENCES = {
    Verdict.IDENTICAL: "identical: the same stores in the same order",
    Verdict.SAME_EFFECT: "same effect on the chip, reached in another way",
    Verdict.SAME_IN_MODEL: "same effect in the model; registers that only the chip sees differ",
    Verdict.OTHER_INPUT: "same program, different input data",
    Verdict.OTHER_PLACEMENT: "same network, different placement",
    Verdict.OTHER_WEIGHTS: "same geometry and operations, different weights or biases",
    Verdict.OTHER_OPERATIONS: "same geometry, different operations",
    Verdict.OTHER_NETWORK: "different networks",
    Verdict.UNKNOWN: "cannot be compared layer by layer",
}
SAME = frozenset((Verdict.IDENTICAL, Verdict.SAME_EFFECT))
"""Verdicts of programs that do the same on the chip."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProgramDiff:
    """All differences of two programs.

    Attributes:
        a: A at its start.
        b: B at its start.
        verdict: how close they are.
        layers: pairs of layers; empty when one program cannot be decoded.
        registers: registers that differ.
        memories: memories that differ.
        stores: how the programs reach their states.
        input: the networks' inputs.
        answers: the known answers.
    """

    a: State
    b: State
    verdict: Verdict
    layers: tuple[LayerDiff, ...]
    registers: tuple[RegisterDiff, ...]
    memories: MemoriesDiff
    stores: StoresDiff
    input: InputDiff
    answers: AnswersDiff

    @property
    def same(self) -> bool:
        """Whether the programs do the same on the chip."""
        return self.verdict in SAME

    @property
    def text(self) -> str:
        """The verdict in a sentence."""
        return SENTENCES[self.verdict] + self._hint()

    def _hint(self) -> str:
        """Where to look, and what makes different networks less surprising."""
        layers, start = self.layers, self.shared_start
        if self.verdict is Verdict.OTHER_WEIGHTS:
            return f" in {sum(not layer.numbers_same for layer in layers)} of {len(layers)} layers"
        if self.verdict is Verdict.OTHER_OPERATIONS:
            return f" in {sum(bool(layer.operation) for layer in layers)} of {len(layers)} layers"
        if self.verdict is not Verdict.OTHER_NETWORK or not start:
            return ""
        for short, long, state in (("A", "B", self.a), ("B", "A", self.b)):
            if start == len(state.layers):
                return f": {short} is the first {count(start, 'layer')} of {long}"
        return f"; they begin with the same {count(start, 'layer')}"

    @property
    def shared_start(self) -> int:
        """How many layers at the start are the same in what they compute and in their numbers."""
        count = 0
        for layer in self.layers:
            if not (layer.a == layer.b == count and layer.computes_same and layer.numbers_same):
                break
            count += 1
        return count


def compare(a: TraceFile, b: TraceFile) -> ProgramDiff:
    """Play both programs up to completion and compare them.

    A program that cannot be decoded is compared register by register all the same.
    """
    left, right = state_of(a), state_of(b)
    inputs = compare_inputs(left, right)
    layers: tuple[LayerDiff, ...] = ()
    if left.layers and right.layers:
        networks = network_of(left), network_of(right)
        layers = compare_layers(*networks, same_input=inputs.same)
    registers = compare_registers(left, right)
    stores = compare_stores(a, b)
    return ProgramDiff(
        a=left,
        b=right,
        verdict=_verdict(left, right, layers, registers, stores, inputs),
        layers=layers,
        registers=registers,
        memories=compare_memories(left, right),
        stores=stores,
        input=inputs,
        answers=compare_answers(a, b),
    )


def _verdict(  # noqa: PLR0911 - a ladder of nine steps
    a: State,
    b: State,
    layers: tuple[LayerDiff, ...],
    registers: tuple[RegisterDiff, ...],
    stores: StoresDiff,
    inputs: InputDiff,
) -> Verdict:
    if stores.identical:
        return Verdict.IDENTICAL
    if not layers:
        return Verdict.UNKNOWN
    if not all(layer.paired and not layer.geometry for layer in layers):
        return Verdict.OTHER_NETWORK
    if any(layer.operation for layer in layers):
        return Verdict.OTHER_OPERATIONS
    if not all(layer.numbers_same for layer in layers):
        return Verdict.OTHER_WEIGHTS
    if not _same_placement(a, b):
        return Verdict.OTHER_PLACEMENT
    if not inputs.same:
        return Verdict.OTHER_INPUT
    if any(register.effect is Effect.CHIP for register in registers):
        return Verdict.SAME_IN_MODEL
    return Verdict.SAME_EFFECT


def _same_placement(a: State, b: State) -> bool:
    pairs = zip(a.layers, b.layers, strict=True)
    return a.frame == b.frame and all(effective(x) == effective(y) for x, y in pairs)
