"""Small networks for the first hours with a real board, one property of the accelerator each.

    python examples/bring_up/networks.py build/bring_up

writes ``NN-name.onnx`` and ``NN-name.npz`` (calibration data) in the order in which to try them:
what published programs do on silicon comes first. Where the placement matters, ``NN-name.toml``
holds the options of the build. Weights are random, from fixed seeds.
``toolchain/docs/bring-up.md`` says what to do with them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CALIBRATION_INPUTS = 32
SMALLEST = """\
[map]
optimize = "memory"
"""
"""Sums in element-wise layers, not in the weights of convolutions."""


class Chain:
    """Nodes one after the other, from the input ``x``."""

    def __init__(self, *shape: int, options: str = "") -> None:
        """``shape``: channels, rows, columns; or channels and length; ``options``: of the build."""
        self.shape = (1, *shape)
        self._options = options
        self._random = np.random.default_rng(len(shape))
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._last = "x"

    def add(self, operator: str, *constants: np.ndarray, **attributes: object) -> Chain:
        """Append a node."""
        name = f"{operator.lower()}{len(self._nodes)}"
        names = [f"{name}.{i}" for i in range(len(constants))]
        self._constants += [
            numpy_helper.from_array(array.astype(np.float32), constant)
            for array, constant in zip(constants, names, strict=True)
        ]
        inputs = [self._last, *names]
        self._nodes.append(helper.make_node(operator, inputs, [f"{name}.y"], name, **attributes))
        self._last = f"{name}.y"
        return self

    @property
    def value(self) -> str:
        """What the next node reads; to come back to it later."""
        return self._last

    def back_to(self, value: str) -> Chain:
        """The next node reads ``value``."""
        self._last = value
        return self

    def combine(self, operator: str, other: str, **attributes: object) -> Chain:
        """Append a node that reads ``other``, too."""
        name = f"{operator.lower()}{len(self._nodes)}"
        inputs = [self._last, other]
        self._nodes.append(helper.make_node(operator, inputs, [f"{name}.y"], name, **attributes))
        self._last = f"{name}.y"
        return self

    def numbers(self, spread: float, *shape: int) -> np.ndarray:
        """Random weights."""
        return self._random.normal(0, spread, shape)

    def conv(self, inputs: int, outputs: int, *kernel: int, pad: int = 0) -> Chain:
        """A convolution with bias; its weights keep the size of the numbers."""
        spread = (inputs * np.prod(kernel)) ** -0.5
        weights = self._random.normal(0, spread, (outputs, inputs, *kernel))
        bias = self._random.normal(0, 0.05, outputs)
        return self.add("Conv", weights, bias, pads=[pad] * 2 * len(kernel))

    def linear(self, inputs: int, outputs: int) -> Chain:
        """Flatten, and a fully connected layer."""
        weights = self._random.normal(0, inputs**-0.5, (outputs, inputs))
        return self.add("Flatten").add("Gemm", weights, np.zeros(outputs), transB=1)

    def pool(self, operator: str, *window: int) -> Chain:
        """``MaxPool`` or ``AveragePool`` with a stride of its window."""
        return self.add(operator, kernel_shape=list(window), strides=list(window))

    def save(self, stem: Path) -> None:
        """Write the model and its calibration data."""
        graph = helper.make_graph(
            self._nodes,
            stem.name,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(self._last, TensorProto.FLOAT, None)],
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        onnx.save(onnx.shape_inference.infer_shapes(model), str(stem.with_suffix(".onnx")))
        x = self._random.uniform(-1, 1, (CALIBRATION_INPUTS, *self.shape[1:]))
        np.savez(stem.with_suffix(".npz"), x=x.astype(np.float32))
        if self._options:
            stem.with_suffix(".toml").write_text(self._options, encoding="utf-8")


def convolution() -> Chain:
    """3x3 kernels, ReLU, max pooling, a fully connected layer of 16 passes."""
    chain = Chain(3, 16, 16).conv(3, 16, 3, 3, pad=1).add("Relu").pool("MaxPool", 4, 4)
    return chain.linear(16 * 4 * 4, 10)


def quadrants() -> Chain:
    """64 channels: all four quadrants add up their sums; 1x1 kernels."""
    chain = Chain(3, 8, 8).conv(3, 64, 3, 3, pad=1).add("Relu").pool("MaxPool", 2, 2)
    return chain.conv(64, 32, 1, 1).add("Relu").linear(32 * 4 * 4, 10)


def passes() -> Chain:
    """More than 64 channels: two passes in and out."""
    chain = Chain(3, 8, 8).conv(3, 96, 3, 3, pad=1).add("Relu").pool("MaxPool", 2, 2)
    return chain.conv(96, 70, 3, 3, pad=1).add("Relu").pool("MaxPool", 4, 4).linear(70, 10)


def one_dimension() -> Chain:
    """1-D kernels."""
    chain = Chain(4, 60).conv(4, 8, 3, pad=1).add("Relu").pool("MaxPool", 4)
    return chain.linear(8 * 15, 6)


def numbers() -> Chain:
    """What the CPU computes: an offset in front, logarithms of a softmax of every pixel behind."""
    chain = Chain(3, 9, 9).add("Sub", np.array([0.5, -0.25, 0.1]).reshape(3, 1, 1))
    chain.conv(3, 8, 3, 3, pad=1).add("Relu").conv(8, 5, 3, 3, pad=1)
    return chain.add("LogSoftmax", axis=1).add("Transpose", perm=[0, 2, 3, 1])


def average() -> Chain:
    """Average pooling; fractions are dropped."""
    chain = Chain(3, 12, 12).conv(3, 8, 3, 3, pad=1).pool("AveragePool", 3, 3)
    return chain.linear(8 * 4 * 4, 6)


def fifo() -> Chain:
    """Six input channels through two FIFOs, after the start."""
    chain = Chain(6, 12, 12, options="[map]\nfifo = true\n").conv(6, 8, 3, 3, pad=1).add("Relu")
    return chain.pool("MaxPool", 3, 3).linear(8 * 4 * 4, 6)


def streaming() -> Chain:
    """Two layers work while their input arrives; their biases are weights of constant channels."""
    chain = Chain(3, 24, 24, options="[map]\nstreams = 2\n").conv(3, 8, 3, 3, pad=1).add("Relu")
    chain.pool("MaxPool", 2, 2).conv(8, 8, 3, 3, pad=1).add("Relu").pool("MaxPool", 2, 2)
    return chain.conv(8, 12, 3, 3, pad=1).add("Relu").linear(12 * 6 * 6, 6)


def fifo_chw() -> Chain:
    """Three input channels through three FIFOs, four pixels in a word."""
    options = '[map]\nfifo = true\ninput_order = "CHW"\n'
    chain = Chain(3, 13, 13, options=options).conv(3, 8, 3, 3, pad=1).add("Relu")
    return chain.pool("MaxPool", 3, 3).linear(8 * 4 * 4, 6)


def long_flatten() -> Chain:
    """A fully connected layer of 100 passes; none of more than 16 is known from silicon."""
    return Chain(3, 10, 10).conv(3, 8, 3, 3, pad=1).add("Relu").linear(8 * 10 * 10, 10)


def absolute() -> Chain:
    """Absolute values as activation, known from simulation only."""
    chain = Chain(3, 8, 8).conv(3, 8, 3, 3, pad=1).add("Abs").pool("MaxPool", 2, 2)
    return chain.linear(8 * 4 * 4, 6)


def transposed() -> Chain:
    """A transposed convolution 3x3 with stride 2."""
    chain = Chain(3, 6, 6).conv(3, 8, 3, 3, pad=1).add("Relu")
    weights = chain.numbers(0.2, 8, 12, 3, 3)
    shape = {"strides": [2, 2], "pads": [1] * 4, "output_padding": [1, 1]}
    return chain.add("ConvTranspose", weights, **shape).add("Relu").linear(12 * 12 * 12, 6)


def elementwise() -> Chain:
    """A sum of interleaved values, one of them a copy, and a difference in front of a kernel."""
    chain = Chain(3, 8, 8, options=SMALLEST).conv(3, 16, 3, 3, pad=1).add("Relu")
    first = chain.value
    chain.conv(16, 16, 3, 3, pad=1).combine("Add", first)
    total = chain.value
    chain.conv(16, 16, 1, 1).combine("Sub", total).conv(16, 8, 3, 3, pad=1).add("Relu")
    return chain.pool("MaxPool", 2, 2).linear(8 * 4 * 4, 6)


def interleaved() -> Chain:
    """A concatenation of 100 channels: its parts leave gaps for each other."""
    chain = Chain(3, 6, 6).conv(3, 60, 3, 3, pad=1).add("Relu")
    first = chain.value
    chain.back_to("x").conv(3, 40, 3, 3, pad=1).add("Relu").combine("Concat", first, axis=1)
    return chain.conv(100, 8, 3, 3, pad=1).add("Relu").linear(8 * 6 * 6, 6)


def narrow() -> Chain:
    """Weights of 4, 2 and 1 bit."""
    options = """\
[quantize.layers]
conv2 = 4
conv4 = 2
conv6 = 1
"""
    chain = Chain(3, 8, 8, options=options).conv(3, 16, 3, 3, pad=1).add("Relu")
    for _ in range(3):
        chain.conv(16, 16, 3, 3, pad=1).add("Relu")
    return chain.pool("MaxPool", 2, 2).linear(16 * 4 * 4, 6)


def in_place() -> Chain:
    """Layers that write over their input: two tensors of 64 channels do not fit side by side."""
    chain = Chain(3, 66, 66).conv(3, 64, 3, 3, pad=1).add("Relu")
    chain.conv(64, 64, 1, 1).add("Relu").conv(64, 64, 3, 3, pad=1).add("Relu")
    return chain.pool("MaxPool", 11, 11).linear(64 * 6 * 6, 6)


def issue_353() -> Chain:
    """The 1-D network that failed on somebody's board (public issue ai8x-synthesis 353)."""
    chain = Chain(1, 768)
    for _ in range(4):
        chain.conv(1, 1, 2).add("Relu")
    return chain.pool("MaxPool", 3).linear(254, 2)


NETWORKS: tuple[Callable[[], Chain], ...] = (
    convolution, numbers, quadrants, passes, one_dimension, average, fifo, streaming, fifo_chw,
    long_flatten, absolute, transposed, elementwise, interleaved, narrow, in_place, issue_353,
)  # fmt: skip


def main(folder: Path) -> None:
    """Write all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, network in enumerate(NETWORKS, 1):
        stem = folder / f"{number:02}-{network.__name__}"
        network().save(stem)
        print(f"{stem}.onnx: {(network.__doc__ or '').splitlines()[0]}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/bring_up"))
