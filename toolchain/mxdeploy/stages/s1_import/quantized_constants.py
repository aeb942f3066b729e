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
    """The result; None when it is no sensible number, or of a type that is not known."""
    x, scale = inputs[0], inputs[1]
    zero = inputs[2] if len(inputs) > 2 else None  # noqa: PLR2004 - the zero point is optional
    if x is None or scale is None:
        return None
    axis, block = node.attributes.get_int("axis", 1), node.attributes.get_int("block_size", 0)
    real = x.astype(np.float64)
    factor = _along(scale.astype(np.float64), real.shape, axis, block)
    offset = _along(
        np.zeros(1) if zero is None else zero.astype(np.float64), real.shape, axis, block
    )
    with np.errstate(all="ignore"):  # what is not finite is found by those that read it
        if node.op_type == "DequantizeLinear":
            return ((real - offset) * factor).astype(np.float32)
        kind = np.dtype(np.uint8) if zero is None else zero.dtype
        steps: Floats = np.rint(real / factor) + offset
    if kind.kind not in "iu" or not np.isfinite(steps).all():
        return None
    limits = np.iinfo(kind.name)
    return np.clip(steps, limits.min, limits.max).astype(kind)


def _along(parameter: Floats, shape: tuple[int, ...], axis: int, block: int) -> Floats:
    """A scalar, a vector along ``axis`` of ``shape``, or one number for each block along it."""
    if parameter.size == 1:
        return parameter.reshape(())
    if block:
        if parameter.shape[axis] != -(-shape[axis] // block):
            raise ValueError(f"{parameter.shape[axis]} scales for blocks of {block}")
        repeated = np.repeat(parameter, block, axis=axis)
        return np.take(repeated, range(shape[axis]), axis=axis)
    aligned = [1] * len(shape)
    aligned[axis] = parameter.size
    return parameter.reshape(aligned)
