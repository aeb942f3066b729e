"""A random CNN as a recipe: steps that become ONNX nodes, each a line of text.

Shapes are computed here by the definitions of the operators, without the code under test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = tuple[int, ...]

_UNEVEN_UP_TO = 5
"""Kernels with all of their padding on one side."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: an operator, the number of the value it reads (counted back from the newest), and
    numbers that the operator makes of what it likes.
    """

    op: str
    back: int = 0
    other: int = 1
    numbers: tuple[int, ...] = (0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network: shape of the input (channels first), steps, and the end.

    ``ending``: ``linear`` (flatten and a fully connected layer), ``pooled`` (global average, then
    the same), ``softmax``, or ``none``. ``outputs``: how many more values are outputs.
    """

    shape: Shape
    steps: tuple[Step, ...]
    ending: str = "linear"
    outputs: int = 0
    seed: int = 0


class Cook:
    """Builds the model of a recipe; steps that do not suit their operand are left out."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.numbers = np.random.default_rng(recipe.seed)
        self.shapes: dict[str, Shape] = {"x": recipe.shape}
        self.names = ["x"]
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def model(self) -> onnx.ModelProto:
        """The model, checked."""
        for step in self.recipe.steps:
            value = self.names[-1 - step.back % len(self.names)]
            OPERATORS[step.op](self, step, value)
        more = self._more_outputs()
        self._finish(self.names[-1])
        outputs = [*more, self.names[-1]]
        infos = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, *self.shapes[name]])
            for name in dict.fromkeys(outputs)
        ]
        source = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *self.recipe.shape])
        graph = helper.make_graph(self.nodes, "random", [source], infos, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
        model.ir_version = 9
        onnx.checker.check_model(model, full_check=True)
        return model

    def add(self, op: str, inputs: list[str], shape: Shape, **attributes: object) -> str:
        """A node with one output."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=f"/{op}{name}", **attributes))
        self.shapes[name] = shape
        self.names.append(name)
        return name

    def constant(self, array: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def weights(self, *shape: int) -> str:
        """Random weights that keep the size of the signal."""
        fan = max(1, int(np.prod(shape[1:])))
        array = self.numbers.normal(0, np.sqrt(1.5 / fan), shape)
        return self.constant(array.astype(np.float32))

    def vector(self, count: int, low: float = -0.2, high: float = 0.2) -> str:
        return self.constant(self.numbers.uniform(low, high, count).astype(np.float32))

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def _more_outputs(self) -> list[str]:
        candidates = self.names[1:-1]
        return candidates[len(candidates) - min(self.recipe.outputs, len(candidates)) :]

    def _finish(self, name: str) -> None:
        ending, shape = self.recipe.ending, self.shapes[name]
        if ending == "none" and len(self.nodes):
            return
        if ending == "pooled" and len(shape) > 1:
            name = self.add("GlobalAveragePool", [name], (shape[0], *(1,) * (len(shape) - 1)))
        size = int(np.prod(self.shapes[name]))
        name = self.add("Flatten", [name], (size,), axis=1)
        name = self.add("Gemm", [name, self.weights(5, size), self.vector(5)], (5,), transB=1)
        if ending == "softmax":
            self.add("Softmax", [name], (5,), axis=1)


def spatial(shape: Shape) -> Shape:
    return shape[1:]


def windows(size: int, window: int, stride: int, pads: int, *, ceil: bool = False) -> int:
    """How many windows fit."""
    span = size + pads - window
    if span < 0:
        return 0
    return -(-span // stride) + 1 if ceil else span // stride + 1


def conv(cook: Cook, step: Step, value: str) -> None:
    shape = cook.shapes[value]
    axes = len(shape) - 1
    if axes == 0:
        return
    a, b, c, d, e = step.numbers
    channels = shape[0]
    out = (4, 8, 12, 16, 20, 5, 33)[a % 7]
    kernel = (
        (3,) * axes,
        (1,) * axes,
        (5,) * axes,
        (3, 1)[:axes],
        (1, 3)[:axes],
        (2,) * axes,
        (7,) * axes,
    )[b % 7]
    stride = (1, 1, 1, 2)[c % 4]
    pads = {
        0: tuple(k // 2 for k in kernel) * 2,
        1: (0,) * (2 * axes),
        2: (0,) * axes + tuple(k - 1 if k <= _UNEVEN_UP_TO else 0 for k in kernel),
        3: tuple(k // 2 for k in kernel) * 2,
    }[d % 4]
    groups = (1, 1, 1, 1, channels, 2)[e % 6]
    if groups == channels:
        out = channels
    if channels % groups or out % groups:
        groups = 1
    size = tuple(
        windows(n, k, stride, pads[i] + pads[i + axes])
        for i, (n, k) in enumerate(zip(spatial(shape), kernel, strict=True))
    )
    if min(size) < 1:
        return
    inputs = [value, cook.weights(out, channels // groups, *kernel)]
    if a % 2:
        inputs.append(cook.vector(out))
    cook.add(
        "Conv", inputs, (out, *size), kernel_shape=kernel, strides=(stride,) * axes, pads=pads,
        group=groups,
    )  # fmt: skip


def transposed(cook: Cook, step: Step, value: str) -> None:
    shape = cook.shapes[value]
    if len(shape) != 3 or max(spatial(shape)) > 8:
        return
    kernel, pad, more = ((3, 1, 1), (2, 0, 0), (4, 1, 0), (3, 0, 1))[step.numbers[0] % 4]
    out = (4, 8)[step.numbers[1] % 2]
    size = tuple(2 * (n - 1) + kernel - 2 * pad + more for n in spatial(shape))
    cook.add(
        "ConvTranspose", [value, cook.weights(shape[0], out, kernel, kernel), cook.vector(out)],
        (out, *size), kernel_shape=(kernel,) * 2, strides=(2, 2), pads=(pad,) * 4,
        output_padding=(more,) * 2,
    )  # fmt: skip


def pool(cook: Cook, step: Step, value: str) -> None:
    shape = cook.shapes[value]
    axes = len(shape) - 1
    if axes == 0:
        return
    a, b, c, d, _ = step.numbers
    window = (2, 3, 2, 4)[a % 4]
    stride = (2, 2, 1, 3)[b % 4]
    pad = (0, 0, 0, 1)[c % 4]
    ceil = d % 5 == 4
    if pad >= window:
        return
    size = tuple(windows(n, window, stride, 2 * pad, ceil=ceil) for n in spatial(shape))
    if min(size) < 1 or any(
        (k - 1) * stride >= n + pad for k, n in zip(size, spatial(shape), strict=True)
    ):
        return
    attributes = {
        "kernel_shape": (window,) * axes, "strides": (stride,) * axes,
        "pads": (pad,) * (2 * axes), "ceil_mode": int(ceil),
    }  # fmt: skip
    if step.op == "average":
        attributes["count_include_pad"] = d % 2
        cook.add("AveragePool", [value], (shape[0], *size), **attributes)
    else:
        cook.add("MaxPool", [value], (shape[0], *size), **attributes)


def same(cook: Cook, step: Step, value: str) -> None:
    """Operators that keep the shape."""
    shape = cook.shapes[value]
    if step.op == "clip":
        low, high = ((0.0, 6.0), (0.0, 1.0), (-1.0, 1.0))[step.numbers[0] % 3]
        bounds = [cook.constant(np.array(bound, np.float32)) for bound in (low, high)]
        cook.add("Clip", [value, *bounds], shape)
    elif step.op == "norm":
        if len(shape) > 1:
            count = shape[0]
            rest = [cook.vector(count, 0.5, 1.5), cook.vector(count), cook.vector(count)]
            cook.add("BatchNormalization", [value, *rest, cook.vector(count, 0.5, 1.5)], shape)
    elif step.op == "scale":
        factor = cook.numbers.uniform(0.5, 1.5, (shape[0], *(1,) * (len(shape) - 1)))
        cook.add("Mul", [value, cook.constant(factor.astype(np.float32))], shape)
    else:
        cook.add({"relu": "Relu", "abs": "Abs", "identity": "Identity"}[step.op], [value], shape)


def combine(cook: Cook, step: Step, value: str) -> None:
    """Add, Sub, Concat with another value of the same size."""
    shape = cook.shapes[value]
    start = 1 if step.op == "concat" else 0
    others = [
        name
        for name in cook.names
        if len(cook.shapes[name]) == len(shape) and cook.shapes[name][start:] == shape[start:]
    ]
    other = others[step.other % len(others)]
    if step.op == "concat":
        if len(shape) > 1:
            channels = shape[0] + cook.shapes[other][0]
            cook.add("Concat", [value, other], (channels, *shape[1:]), axis=1)
    else:
        cook.add({"add": "Add", "sub": "Sub"}[step.op], [value, other], shape)


def split(cook: Cook, step: Step, value: str) -> None:
    """Some channels."""
    shape = cook.shapes[value]
    if shape[0] < 2 or len(shape) < 2:
        return
    first = step.numbers[0] % (shape[0] - 1)
    count = 1 + step.numbers[1] % (shape[0] - first)
    bounds = [cook.integers(n) for n in (first, first + count, 1)]
    cook.add("Slice", [value, *bounds], (count, *shape[1:]))


def enlarge(cook: Cook, _step: Step, value: str) -> None:
    shape = cook.shapes[value]
    if len(shape) != 3 or max(spatial(shape)) > 8:
        return
    scales = cook.constant(np.array([1, 1, 2, 2], np.float32))
    cook.add(
        "Resize", [value, "", scales], (shape[0], 2 * shape[1], 2 * shape[2]), mode="nearest",
        coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    )  # fmt: skip


def pad(cook: Cook, step: Step, value: str) -> None:
    shape = cook.shapes[value]
    axes = len(shape) - 1
    if axes == 0:
        return
    begins = [step.numbers[i] % 3 for i in range(axes)]
    ends = [step.numbers[i + 2] % 3 for i in range(axes)]
    size = tuple(n + b + e for n, b, e in zip(spatial(shape), begins, ends, strict=True))
    pads = cook.integers(0, 0, *begins, 0, 0, *ends)
    cook.add("Pad", [value, pads], (shape[0], *size))


def whole(cook: Cook, step: Step, value: str) -> None:
    """Global pooling."""
    shape = cook.shapes[value]
    if len(shape) > 1:
        op = ("GlobalAveragePool", "GlobalMaxPool")[step.numbers[0] % 2]
        cook.add(op, [value], (shape[0], *(1,) * (len(shape) - 1)))


OPERATORS: dict[str, Callable[[Cook, Step, str], None]] = {
    "conv": conv, "transposed": transposed, "max": pool, "average": pool, "relu": same,
    "clip": same, "abs": same, "norm": same, "scale": same, "identity": same, "add": combine,
    "sub": combine, "concat": combine, "split": split, "enlarge": enlarge, "pad": pad,
    "global": whole,
}  # fmt: skip
