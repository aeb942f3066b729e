"""From what the chip computes to the outputs of the user's model, and to classes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.arith.tail import Reals, apply_tail, dequantized
from mxdeploy.data import Layout
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.inputs import model_layout
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ops.graph import ArgMax, LogSoftmax, Sigmoid, Softmax
from mxdeploy.ops.tail import Result, TailMove, TailStep, integer_values

_HALF = 0.5
_PLANES = 2
"""Axes of a map: rows and columns."""


def model_outputs(
    network: QuantNetwork, outputs: Mapping[str, NDArray[np.generic]]
) -> dict[str, Reals]:
    """The model's outputs of a batch.

    Args:
        network: the integer network.
        outputs: what the chip gave: integers (n, C, H, W) by the name of the network's output.

    Returns:
        By the model's names and in its order: single-precision numbers, or integers (int32) where
        the model gives positions; (n, *shape in the model).
    """
    real = {}
    for name in network.outputs:
        value = network.value(name)
        real[name] = dequantized(outputs[name], value.scale, value.model_shape)
    values = apply_tail(network.tail, real)
    return {result.name: values[result.value] for result in network.model_results}


def checksum(numbers: NDArray[np.generic]) -> int:
    """CRC-32 of an output's numbers, the least significant byte of each first."""
    return zlib.crc32(numbers.astype(numbers.dtype.newbyteorder("<")).tobytes())


def shapes_of(network: QuantNetwork) -> dict[str, tuple[int, ...]]:
    """Shapes of the model's outputs without the batch dimension, by name."""
    shapes = {name: network.value(name).model_shape for name in network.outputs}
    shapes |= {step.output: step.shape for step in network.tail}
    return {result.name: shapes[result.value] for result in network.model_results}


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """The output of a model that tells classes.

    Attributes:
        name: of the output.
        classes: how many there are.
        maker: the operator that made it, moves left aside; None when it is the chip's own output.
    """

    name: str
    classes: int
    maker: TailStep | None

    def choices(self, outputs: Mapping[str, Reals]) -> NDArray[np.int64]:
        """The class of every input of a batch: (n,)."""
        values = outputs[self.name].reshape(len(outputs[self.name]), -1)
        if self.maker is not None and isinstance(self.maker.op, ArgMax):
            return values[:, 0].astype(np.int64)
        if values.shape[1] == 1:  # the probability of the second of two classes
            return np.asarray(values[:, 0] > _HALF, np.int64)
        return np.asarray(values.argmax(axis=1), np.int64)

    def probabilities(self, outputs: Mapping[str, Reals]) -> NDArray[np.float64] | None:
        """Probabilities of the classes (n, classes); None when the output is the choice itself."""
        op = None if self.maker is None else self.maker.op
        values = outputs[self.name].reshape(len(outputs[self.name]), -1).astype(np.float64)
        if isinstance(op, ArgMax) or values.shape[1] == 1:
            return None
        if isinstance(op, Softmax | Sigmoid):
            return values
        if isinstance(op, LogSoftmax):
            return np.exp(values)
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        scaled: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return scaled


def classifier_of(network: QuantNetwork) -> Classifier | None:
    """The first output that can tell classes.

    That is a vector of real numbers, a single index of a largest element, or a single logistic
    function.
    """
    shapes, positions = shapes_of(network), integer_values(network.tail)
    for result in network.model_results:
        longest, count = max((*shapes[result.name], 1)), int(np.prod(shapes[result.name]))
        maker = maker_of(network, result)
        if count > 1 and longest == count and result.value not in positions:
            return Classifier(name=result.name, classes=count, maker=maker)
        if count == 1 and maker is not None and isinstance(maker.op, ArgMax):
            return Classifier(name=result.name, classes=_length(network, maker), maker=maker)
        if count == 1 and maker is not None and isinstance(maker.op, Sigmoid):
            return Classifier(name=result.name, classes=2, maker=maker)
    return None


def maker_of(network: QuantNetwork, result: Result) -> TailStep | None:
    """The step of the tail that computes a result, moves left aside; None: the chip does."""
    steps = {step.output: step for step in network.tail}
    name = result.value
    while name in steps and isinstance(steps[name].op, TailMove):
        name = steps[name].inputs[0]
    return steps.get(name)


def _length(network: QuantNetwork, step: TailStep) -> int:
    """Elements that an ArgMax compares."""
    source = step.inputs[0]
    shapes = {s.output: s.shape for s in network.tail}
    shape = shapes[source] if source in shapes else network.value(source).model_shape
    axis = step.op.axis if isinstance(step.op, ArgMax) else 0
    return shape[axis]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapClassifier:
    """The output of a model that tells a class for every pixel.

    Attributes:
        name: of the output.
        classes: how many there are.
        size: rows and columns of the map.
        axis: of the classes in a batch of outputs; None when the output is the choice itself, or
            the probability of the second of two classes.
        chosen: the output is the choice itself.
    """

    name: str
    classes: int
    size: tuple[int, int]
    axis: int | None
    chosen: bool

    def choices(self, outputs: Mapping[str, Reals]) -> NDArray[np.int64]:
        """The class of every pixel of a batch: (n, rows, columns)."""
        values = outputs[self.name]
        if self.axis is not None:
            shape = (self.classes, *self.size) if self.axis == 1 else (*self.size, self.classes)
            scores = values.reshape(len(values), *shape)
            return np.asarray(scores.argmax(axis=self.axis), np.int64)
        flat = values.reshape(len(values), *self.size)
        return np.asarray(flat if self.chosen else flat > _HALF, np.int64)


def map_classifier_of(network: QuantNetwork) -> MapClassifier | None:
    """The first output that can tell a class for every pixel.

    That is a map of real numbers with several channels, its index of a largest element along them,
    or a map of one logistic function per pixel. Channels are first unless the model takes its
    input with channels last.
    """
    shapes, positions = shapes_of(network), integer_values(network.tail)
    last = model_layout(network.head) is Layout.NHWC
    for result in network.model_results:
        shape, maker = shapes[result.name], maker_of(network, result)
        op = None if maker is None else maker.op
        if isinstance(op, ArgMax) and maker is not None:
            size = tuple(n for n in shape if n > 1)
            if len(size) == _PLANES:
                classes = _length(network, maker)
                return _map(result.name, classes, size, axis=None, chosen=True)
        if len(shape) != _PLANES + 1 or result.value in positions:
            continue
        size, channels = (shape[:-1], shape[-1]) if last else (shape[1:], shape[0])
        if min(size) > 1 and channels > 1:
            return _map(result.name, channels, size, axis=_PLANES + 1 if last else 1)
        if min(size) > 1 and isinstance(op, Sigmoid):
            return _map(result.name, 2, size, axis=None)
    return None


def _map(
    name: str, classes: int, size: tuple[int, ...], *, axis: int | None, chosen: bool = False
) -> MapClassifier:
    rows, columns = size
    return MapClassifier(name=name, classes=classes, size=(rows, columns), axis=axis, chosen=chosen)


def require_classes(code: str, source: str, labels: NDArray[np.int64], classes: int) -> None:
    """Refuse labels, of inputs or of pixels, that are no classes of the network.

    Args:
        code: of the finding.
        source: of the labels, for people.
        labels: of any shape.
        classes: how many the network tells apart.

    Raises:
        UsageError: a label is not in 0..classes - 1.
    """
    if labels.min() < 0 or labels.max() >= classes:
        raise UsageError(
            Diagnostic(
                code=code,
                where=source,
                what=f"has labels {labels.min()}..{labels.max()}",
                why=f"the network tells {classes} classes",
                fix="give labels 0..n-1 in the order of the network's outputs",
            )
        )
