"""What may follow the last hardware layer: computed in C on the Cortex-M4F and by the reference.

The steps are a small graph. They read outputs of the chip, as real numbers in the shape that the
value has in the network, and what earlier steps wrote; the operators are the imported ones. Values
are single-precision numbers, or integers where an operator gives positions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import (
    Affine,
    ArgMax,
    Concat,
    Elementwise,
    Exp,
    HardSigmoid,
    LayerFunction,
    LogSoftmax,
    Multiply,
    PerElement,
    Reduce,
    Reshape,
    Sigmoid,
    Slice,
    Softmax,
    Tanh,
    TopK,
    Transpose,
    Upsample,
)

Shape = tuple[int, ...]

TailMove = Concat | Reshape | Slice | Transpose | Upsample
"""Operators that only say where elements go."""
CpuFunction = Exp | HardSigmoid | PerElement | Sigmoid | Tanh
"""Functions of single elements that no layer has."""
TailFunction = LayerFunction | CpuFunction
"""Functions of single elements."""
TailChoice = ArgMax | Reduce | TopK
"""Operators that leave fewer elements along an axis."""
TailSoftmax = Softmax | LogSoftmax
"""Elements along an axis, each divided by what all of them give."""
TailCombination = Elementwise | Multiply
"""Two or more values, element by element."""
TailOp = TailMove | TailFunction | TailChoice | TailSoftmax | TailCombination

ELEMENTWISE = ("add", "sub")
"""What ``Elementwise`` does to real numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TailStep:
    """One operation of the tail.

    Attributes:
        op: what is done; axes are counted without the batch dimension.
        inputs: values read: outputs of the network, or of earlier steps.
        output: value written.
        shape: its shape without the batch dimension.
        origin: name of the ONNX node.
    """

    op: TailOp
    inputs: tuple[str, ...]
    output: str
    shape: Shape
    origin: str

    @property
    def gives_positions(self) -> bool:
        """Whether the operator itself makes integers of real numbers."""
        return isinstance(self.op, ArgMax) or (isinstance(self.op, TopK) and self.op.indices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """An output of the user's model.

    Attributes:
        name: in the model.
        value: an output of the network, or of a step of the tail.
    """

    name: str
    value: str


def integer_values(tail: Sequence[TailStep]) -> frozenset[str]:
    """The values that hold integers."""
    found: set[str] = set()
    for step in tail:
        if step.gives_positions or (isinstance(step.op, TailMove) and found & set(step.inputs)):
            found.add(step.output)
    return frozenset(found)


def steps_for(tail: Sequence[TailStep], value: str) -> tuple[TailStep, ...]:
    """The steps that ``value`` takes, in order."""
    needed, found = {value}, []
    for step in reversed(tail):
        if step.output in needed:
            needed.update(step.inputs)
            found.append(step)
    return tuple(reversed(found))


def tail_tensors(tail: Sequence[TailStep]) -> tuple[Tensor, ...]:
    """The constants of the steps, in order."""
    scaling = [step.op for step in tail if isinstance(step.op, Affine | PerElement)]
    both = (tensor for op in scaling for tensor in (op.scale, op.offset))
    return tuple(tensor for tensor in both if tensor is not None)


def tail_lines(tail: Sequence[TailStep], results: Sequence[Result]) -> list[str]:
    """Stable text, one line per step and result."""
    lines = [
        f"  tail {step.output} {list(step.shape)} = {step.op} ({', '.join(step.inputs)})"
        for step in tail
    ]
    return [*lines, *(f"  result {result.name} = {result.value}" for result in results)]


def verify_tail(
    tail: Sequence[TailStep], results: Sequence[Result], outputs: Mapping[str, Shape]
) -> None:
    """Check that every step reads what there is, in a shape that suits it.

    Args:
        tail: the steps.
        results: the model's outputs.
        outputs: shapes of the network's outputs.

    Raises:
        ValueError: names the first step or result that does not hold together.
    """
    shapes = dict(outputs)
    for step in tail:
        missing = [name for name in step.inputs if name not in shapes]
        if missing:
            raise ValueError(f"{step.origin}: reads {missing[0]} before it is written")
        if step.output in shapes:
            raise ValueError(f"{step.origin}: writes {step.output} again")
        if not _suits(step, [shapes[name] for name in step.inputs]):
            read = ", ".join(str(list(shapes[name])) for name in step.inputs)
            raise ValueError(f"{step.origin}: {step.op} makes {list(step.shape)} of {read}")
        shapes[step.output] = step.shape
    names = [result.name for result in results]
    if len(set(names)) != len(names):
        raise ValueError("two outputs of the model share a name")
    lost = [result for result in results if result.value not in shapes]
    if lost:
        raise ValueError(f"output {lost[0].name} of the model is never computed")


def _suits(step: TailStep, shapes: list[Shape]) -> bool:  # noqa: PLR0911 - one per kind
    """Whether the operator can make the step's shape of these (axes of length 1 do not count)."""
    first = shapes[0]
    if isinstance(step.op, TailCombination):
        known = isinstance(step.op, Multiply) or step.op.function in ELEMENTWISE
        return known and set(shapes) == {step.shape}
    if isinstance(step.op, Concat):
        axis = step.op.axis
        return step.shape == (*first[:axis], sum(s[axis] for s in shapes), *first[axis + 1 :])
    if len(shapes) != 1:
        return False
    if isinstance(step.op, Reshape):
        return math.prod(first) == math.prod(step.shape)
    if isinstance(step.op, TailChoice):
        kept = step.op.count if isinstance(step.op, TopK) else 1
        expected = (*first[: step.op.axis], kept, *first[step.op.axis + 1 :])
        return [n for n in expected if n != 1] == [n for n in step.shape if n != 1]
    if isinstance(step.op, PerElement) and not _spreads(step.op, first):
        return False
    return step.shape == _same_axes(step.op, first)


def _spreads(op: PerElement, shape: Shape) -> bool:
    """Whether the constants spread over a value of ``shape``."""
    shapes = [tensor.shape for tensor in (op.scale, op.offset) if tensor is not None]
    return all(
        len(s) == len(shape) and all(n in (1, m) for n, m in zip(s, shape, strict=True))
        for s in shapes
    )


def _same_axes(op: TailOp, shape: Shape) -> Shape:
    """The shape behind an operator with one operand that keeps the number of axes."""
    match op:
        case Transpose():
            return tuple(shape[axis] for axis in op.axes)
        case Slice():
            kept = len(range(op.start, op.stop, op.step))
            return (*shape[: op.axis], kept, *shape[op.axis + 1 :])
        case Upsample():
            larger = (n * times for n, times in zip(shape[1:], op.factors, strict=True))
            return (shape[0], *larger)
        case _:
            return shape
