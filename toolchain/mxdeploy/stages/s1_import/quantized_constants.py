"""QuantizeLinear and DequantizeLinear on constants: weights stored as integers become float."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

Array = NDArray[np.generic]
Floats = NDArray[np.float64]


def fold_quantized_constants(model: ir.Model) -> None:
    """Replace every (de)quantization of a constant by its result."""
    graph = model.graph
    for node in list(graph):
        if node.domain != "" or node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        inputs = [_constant(v) for v in node.inputs]
        if any(a is None and v is not None for a, v in zip(inputs, node.inputs, strict=True)):
            continue
        result = _evaluate(node, inputs)
        if result is None:
            continue
        old = node.outputs[0]
        if old.is_graph_output():
            continue
        value = ir.Value(
            name=old.name,
            type=ir.TensorType(ir.DataType.from_numpy(result.dtype)),
            shape=ir.Shape(result.shape),
            const_value=ir.tensor(result, name=old.name),
        )
        ir.convenience.replace_all_uses_with(old, value)
        graph.remove(node, safe=True)
        graph.register_initializer(value)


def _constant(value: ir.Value | None) -> Array | None:
    tensor = None if value is None else ir.convenience.get_const_tensor(value)
    return None if tensor is None else tensor.numpy()


def _evaluate(node: ir.Node, inputs: list[Array | None]) -> Array | None:
    x, scale = inputs[0], inputs[1]
    zero = inputs[2] if len(inputs) > 2 else None  # noqa: PLR2004 - the zero point is optional
    block = node.attributes.get_int("block_size", 0)
    if x is None or scale is None or block:
        return None
    axis = node.attributes.get_int("axis", 1)
    real = x.astype(np.float64)
    factor = _along(scale.astype(np.float64), x.ndim, axis)
    offset = _along(np.zeros(1) if zero is None else zero.astype(np.float64), x.ndim, axis)
    if node.op_type == "DequantizeLinear":
        return ((real - offset) * factor).astype(np.float32)
    kind: type[np.int8 | np.uint8] = np.uint8
    if zero is not None:
        if zero.dtype not in (np.int8, np.uint8):
            return None
        kind = np.int8 if zero.dtype == np.int8 else np.uint8
    limits = np.iinfo(kind)
    steps: Floats = np.rint(real / factor) + offset
    return np.clip(steps, limits.min, limits.max).astype(kind)


def _along(parameter: Floats, rank: int, axis: int) -> Floats:
    """A scalar, or a vector placed along ``axis`` of an array of ``rank`` dimensions."""
    if parameter.size == 1:
        return parameter.reshape(())
    shape = [1] * rank
    shape[axis] = parameter.size
    return parameter.reshape(shape)
