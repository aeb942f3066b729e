"""Machine against machine: the same input on two machines, every layer, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.errors import Diagnostic, MxdeployError
from mxdeploy.ir.program import Program
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.result import RunResult
from mxdeploy.ir.tensor import Tensor
from mxdeploy.outputs import checksum, model_outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first place where two machines disagree."""

    value: str
    channel: int
    row: int
    column: int
    first: int
    second: int

    def to_text(self, first: str, second: str) -> str:
        """In words, with the machines' names."""
        return (
            f"{self.value}: channel {self.channel}, row {self.row}, column {self.column} is "
            f"{self.first} on {first} and {self.second} on {second}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was compared, and that it was equal.

    Attributes:
        inputs: number of inputs.
        layers: number of layers compared per input.
        elements: number of tensor elements compared in all.
        integer: integer.onnx on the first input.
        accelerator: the accelerator model on the first input.
    """

    inputs: int
    layers: int
    elements: int
    integer: RunResult
    accelerator: RunResult


def first_difference(first: RunResult, second: RunResult) -> Difference | None:
    """The first differing element, layer by layer, then outputs; None when all are equal.

    Only tensors that both machines report are compared.
    """
    pairs = [*_pairs(first.layers, second.layers), *_pairs(first.outputs, second.outputs)]
    for name, a, b in pairs:
        left, right = a.array, b.array
        if left.shape != right.shape:
            return Difference(value=name, channel=-1, row=-1, column=-1, first=-1, second=-1)
        unequal = np.argwhere(left != right)
        if len(unequal):
            channel, row, column = (int(i) for i in unequal[0])
            where = (channel, row, column)
            return Difference(
                value=name,
                channel=channel,
                row=row,
                column=column,
                first=int(left[where]),
                second=int(right[where]),
            )
    return None


def compared_elements(first: RunResult, second: RunResult) -> int:
    """How many elements ``first_difference`` looks at."""
    pairs = [*_pairs(first.layers, second.layers), *_pairs(first.outputs, second.outputs)]
    return sum(int(a.array.size) for _, a, _ in pairs)


def prove(program: Program, integer_model: bytes, inputs: Sequence[NDArray[np.int8]]) -> Proof:
    """Run all inputs on integer.onnx and on the accelerator model and compare every layer.

    Args:
        program: what the accelerator is told.
        integer_model: integer.onnx with the outputs of all layers.
        inputs: int8 (C, H, W) each, at least one.

    Raises:
        MxdeployError: the machines differ, which is a defect of mxdeploy.
    """
    from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
    from mxdeploy.stages.s8_run.integer import IntegerMachine

    network = program.plan.network
    integer_machine = IntegerMachine(integer_model, network)
    accelerator_machine = AcceleratorMachine(program)
    results: list[tuple[RunResult, RunResult]] = []
    elements = 0
    for number, x in enumerate(inputs):
        integer, accelerator = integer_machine.run_one(x), accelerator_machine.run(x)
        where = f"{network.name}, input {number}"
        require_equal(where, integer, accelerator, "the accelerator model")
        elements += compared_elements(integer, accelerator)
        results.append((integer, accelerator))
    integer, accelerator = results[0]
    return Proof(
        inputs=len(results),
        layers=len(accelerator.layers),
        elements=elements,
        integer=integer,
        accelerator=accelerator,
    )


def require_equal(where: str, integer: RunResult, other: RunResult, machine: str) -> None:
    """Compare a machine with integer.onnx.

    Raises:
        MxdeployError: they differ, which is a defect of mxdeploy.
    """
    difference = first_difference(integer, other)
    if difference is None:
        return
    raise MxdeployError(
        Diagnostic(
            code="MX8201",
            where=where,
            what=difference.to_text("integer.onnx", machine),
            why="all machines compute the same integer network; a difference is a defect",
            fix="report it with the model, or with a smaller one that shows the same",
        )
    )


def require_checksums(network: QuantNetwork, integer: RunResult, told: Mapping[int, int]) -> None:
    """Compare outputs of which the firmware tells only the checksums.

    Raises:
        MxdeployError: one differs, which is a defect of mxdeploy.
    """
    for number, (name, tensor) in enumerate(integer.outputs):
        if number in told and told[number] != checksum(tensor.array):
            raise MxdeployError(
                Diagnostic(
                    code="MX8216",
                    where=f"{network.name}, output {name}",
                    what="its checksum on the virtual board is another one than integer.onnx gives",
                    why="all machines compute the same integer network; a difference is a defect",
                    fix="report it with the model, or with a smaller one that shows the same",
                )
            )


def require_model_outputs(
    network: QuantNetwork, integer: RunResult, told: Mapping[int, int]
) -> None:
    """Compare the model's outputs that the firmware computed with the reference.

    Args:
        network: the integer network.
        integer: what the chip gives.
        told: CRC-32 of each output that the firmware computed, by its number.

    Raises:
        MxdeployError: one differs, which is a defect of mxdeploy.
    """
    chip = {name: tensor.array[np.newaxis] for name, tensor in integer.outputs}
    for number, (name, numbers) in enumerate(model_outputs(network, chip).items()):
        if number in told and told[number] != checksum(numbers):
            raise MxdeployError(
                Diagnostic(
                    code="MX8215",
                    where=f"{network.name}, output {name}",
                    what="the firmware makes other numbers of the chip's outputs than it should",
                    why="both compute in single precision, operation by operation; a difference is "
                    "a defect",
                    fix="report it with the model, or with a smaller one that shows the same",
                )
            )


def _pairs(
    first: tuple[tuple[str, Tensor], ...], second: tuple[tuple[str, Tensor], ...]
) -> list[tuple[str, Tensor, Tensor]]:
    other = dict(second)
    return [(name, tensor, other[name]) for name, tensor in first if name in other]
