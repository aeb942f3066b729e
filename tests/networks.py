"""Small ONNX models for tests, built node by node (so that tests need no binary files)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class ModelBuilder:
    """Appends nodes to a chain that starts at input ``x``."""

    def __init__(self, shape: tuple[int | str, ...], seed: int = 0) -> None:
        self.numbers = np.random.default_rng(seed)
        self.shape = shape
        self.last = "x"
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, array: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, op: str, *constants: str, **attributes: object) -> ModelBuilder:
        name = f"{op.lower()}{len(self.nodes)}"
        output = f"{name}_out"
        self.nodes.append(
            helper.make_node(op, [self.last, *constants], [output], name=f"/{name}", **attributes)
        )
        self.last = output
        return self

    def conv(
        self, inputs: int, outputs: int, kernel: int = 3, pad: int = 1, scale: float = 0.3
    ) -> ModelBuilder:
        count = len(self.nodes)
        weight = self.numbers.normal(0, scale, (outputs, inputs, kernel, kernel))
        bias = self.numbers.normal(0, 0.05, outputs)
        return self.node(
            "Conv",
            self.constant(f"w{count}", weight.astype(np.float32)),
            self.constant(f"b{count}", bias.astype(np.float32)),
            kernel_shape=[kernel, kernel],
            pads=[pad] * 4,
        )

    def relu(self) -> ModelBuilder:
        return self.node("Relu")

    def pool(self, size: int = 2) -> ModelBuilder:
        return self.node("MaxPool", kernel_shape=[size, size], strides=[size, size])

    def linear(self, inputs: int, outputs: int) -> ModelBuilder:
        count = len(self.nodes)
        weight = self.numbers.normal(0, 0.1, (outputs, inputs)).astype(np.float32)
        bias = self.numbers.normal(0, 0.05, outputs).astype(np.float32)
        return self.node(
            "Gemm", self.constant(f"w{count}", weight), self.constant(f"b{count}", bias), transB=1
        )

    def model(self, opset: int = 17) -> onnx.ModelProto:
        kind = TensorProto.INT64 if self.nodes[-1].op_type == "ArgMax" else TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            "tiny",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(self.last, kind, None)],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
        model.ir_version = 8
        return onnx.shape_inference.infer_shapes(model)

    def save(self, path: Path) -> Path:
        onnx.save(self.model(), str(path))
        return path


def tiny(shape: tuple[int | str, ...] = (1, 3, 8, 8)) -> ModelBuilder:
    """A small classifier: two convolutions, a pooling, a fully connected layer."""
    builder = ModelBuilder(shape).conv(3, 8).relu().pool().conv(8, 12).relu()
    return builder.node("Flatten").linear(12 * 4 * 4, 5)
