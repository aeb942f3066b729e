"""One ONNX node as the operator readers see it: shapes without batch, constants as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import GraphOp
from mxdeploy.stages.s1_import import findings
from mxdeploy.stages.s1_import.names import printable

Shape = tuple[int, ...]

LARGEST, SMALLEST = 2.0**40, 2.0**-100
"""Weights lie between these, or are zero: their products and quotients are still numbers."""


class NotReadableError(Exception):
    """This use of an operator has no counterpart; the text says what was found."""


class UnknownShapeError(NotReadableError):
    """A shape is needed that is not known, behind an operator that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One imported operation; ``shape`` of its output, None for the last of a chain."""

    op: GraphOp
    shape: Shape | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an ONNX node becomes: a chain of operations that starts from ``inputs``.

    An empty chain means that the node passes its (single) input on.

    Attributes:
        inputs: positions of the ONNX inputs that are computed values, in operand order.
        steps: operations in order; all but the first have one operand.
        further: the chains that lead to the second, third ... output of the node.
    """

    inputs: tuple[int, ...]
    steps: tuple[Step, ...]
    further: tuple[tuple[Step, ...], ...] = ()


def single(op: GraphOp, *inputs: int) -> Reading:
    """A reading of one operation."""
    return Reading(inputs=inputs or (0,), steps=(Step(op=op),))


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """An ONNX node.

    Attributes:
        node: the node itself.
        name: its printable name.
        opset: version of ONNX's own operators in the model.
        batch: size of the batch axis in all shapes.
        single: the file itself says that the batch is 1.
    """

    node: ir.Node
    name: str
    opset: int
    batch: int
    single: bool

    # --- inputs ---------------------------------------------------------------------------------

    def has(self, index: int) -> bool:
        """Whether input ``index`` is there."""
        return index < len(self.node.inputs) and self.node.inputs[index] is not None

    def constant(self, index: int) -> NDArray[np.generic] | None:
        """Input ``index`` as an array; None when it is absent or computed."""
        if not self.has(index):
            return None
        value = self.node.inputs[index]
        tensor = None if value is None else ir.convenience.get_const_tensor(value)
        return None if tensor is None else tensor.numpy()

    def computed(self) -> tuple[int, ...]:
        """Positions of the inputs that are not constant."""
        count = len(self.node.inputs)
        return tuple(i for i in range(count) if self.has(i) and self.constant(i) is None)

    def weight(self, index: int) -> NDArray[np.float32]:
        """Constant input ``index`` as finite float32.

        Raises:
            NotReadableError: the input is computed by the model.
            FindingError: it contains NaN or infinite values.
        """
        array = self.constant(index)
        value = self.node.inputs[index]
        if array is None or value is None:
            raise NotReadableError(f"input {index} is computed by the model, not constant")
        name = value.name or f"input {index}"
        if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
            kind = array.dtype.name
            raise findings.FindingError(findings.weight_type(self.name, printable(name), kind))
        return self.finite(array, name)

    def optional_weight(self, index: int) -> NDArray[np.float32] | None:
        """As ``weight``; None when the input is absent."""
        return self.weight(index) if self.has(index) else None

    def finite(self, array: NDArray[np.generic], tensor: str) -> NDArray[np.float32]:
        """``array`` as float32; values next to nothing become zero.

        Raises:
            FindingError: it contains NaN, infinite or absurdly large values.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # infinity is found below
            result = np.asarray(array).astype(np.float32)
        nans, infinities = int(np.isnan(result).sum()), int(np.isinf(result).sum())
        if nans or infinities:
            raise findings.FindingError(
                findings.not_finite(self.name, printable(tensor), nans, infinities)
            )
        sizes = np.abs(result)
        if sizes.max(initial=0.0) > LARGEST:
            largest = float(sizes.max())
            raise findings.FindingError(
                findings.too_big(self.name, printable(tensor), largest, LARGEST)
            )
        return np.where(sizes < SMALLEST, np.float32(0), result)

    def integers(self, index: int, attribute: str) -> Shape | None:
        """Integers from constant input ``index`` or from an attribute (older operator sets).

        Raises:
            NotReadableError: the input is computed by the model.
        """
        if self.has(index):
            array = self.constant(index)
            if array is None:
                raise NotReadableError(f"{attribute} are computed by the model, not constant")
            return tuple(int(v) for v in np.asarray(array).reshape(-1))
        return self.get_ints(attribute)

    def disagree(self, reason: str) -> findings.FindingError:
        """The error that shapes around this node do not fit together."""
        return findings.FindingError(findings.shapes_disagree(self.name, self.node.op_type, reason))

    # --- shapes ---------------------------------------------------------------------------------

    def full_shape(self, index: int) -> Shape:
        """Shape of input ``index``, batch included.

        Raises:
            UnknownShapeError: the shape is not known.
        """
        shape = static_shape(self.node.inputs[index] if self.has(index) else None)
        if shape is None or shape[:1] != (self.batch,):
            raise UnknownShapeError("the shape of its input is not known")
        return shape

    def shape(self, index: int = 0) -> Shape:
        """Shape of input ``index`` without the batch.

        Raises:
            UnknownShapeError: the shape is not known.
        """
        return self.full_shape(index)[1:]

    def known_shape(self, index: int = 0) -> Shape | None:
        """Shape of input ``index`` without the batch; None when it is not known."""
        try:
            return self.shape(index)
        except UnknownShapeError:
            return None

    def out_shape(self) -> Shape:
        """Shape of the output without the batch; of a result, what is left when it has none.

        Raises:
            UnknownShapeError: the shape is not known.
        """
        shape = without_batch(self.node.outputs[0], self.batch, single=self.single)
        if shape is None:
            raise UnknownShapeError("the shape of its output is not known")
        return shape

    # --- attributes -----------------------------------------------------------------------------

    def get_int(self, name: str, default: int) -> int:
        """Integer attribute."""
        return self.node.attributes.get_int(name, default)

    def get_float(self, name: str, default: float) -> float:
        """Float attribute."""
        return self.node.attributes.get_float(name, default)

    def get_string(self, name: str, default: str) -> str:
        """String attribute."""
        return self.node.attributes.get_string(name, default)

    def get_ints(self, name: str, default: Shape | None = None) -> Shape | None:
        """Integer-list attribute."""
        return (
            default
            if name not in self.node.attributes
            else tuple(self.node.attributes[name].as_ints())
        )

    def axis(self, name: str, default: int) -> int:
        """An axis attribute, counted without the batch.

        Raises:
            NotReadableError: it is the batch axis.
        """
        rank = len(self.full_shape(0))
        axis = self.get_int(name, default)
        axis += rank if axis < 0 else 0
        if axis == 0:
            raise NotReadableError("it works along the batch axis")
        return axis - 1


def static_shape(value: ir.Value | None) -> Shape | None:
    """Shape of ``value``, batch included; None when any of it is not known."""
    if value is None or value.shape is None:
        return None
    dims = tuple(d for d in value.shape if isinstance(d, int))
    return dims if len(dims) == len(value.shape) else None


def without_batch(value: ir.Value, batch: int, *, single: bool) -> Shape | None:
    """Shape of ``value`` without the batch; None when it is not known, or has no batch.

    A model for ``single`` images may drop the batch where no axis is counted any more.
    """
    shape = static_shape(value)
    if shape is None:
        return None
    if shape[:1] == (batch,):
        return shape[1:]
    return (shape or (1,)) if single and _only_leads_out(value) else None


_PER_ELEMENT = (
    "Abs", "Cast", "Clip", "Dropout", "Exp", "HardSigmoid", "Identity", "Neg", "Relu", "Sigmoid",
    "Tanh",
)  # fmt: skip
"""Operators that do not care which axis is which."""


def _only_leads_out(value: ir.Value) -> bool:
    """Whether ``value`` is a result, or only functions of single elements lead from it to results.

    Such a value may have lost the batch: ``squeeze()`` at the end of a PyTorch model.
    """
    return all(
        use.node.op_type in _PER_ELEMENT and _only_leads_out(use.node.outputs[0])
        for use in value.uses()
    )


def tensor(array: NDArray[np.generic]) -> Tensor:
    """A float32 tensor."""
    return Tensor(np.asarray(array, dtype=np.float32))
