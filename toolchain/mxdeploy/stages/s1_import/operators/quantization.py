"""QuantizeLinear followed by DequantizeLinear on activations: a declared 8-bit range."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mxdeploy.ops.graph import FakeQuantize
from mxdeploy.stages.s1_import.node_view import NodeView, NotReadableError, Reading, single

_PARAMETERS = (1, 2)


def quantize(view: NodeView) -> Reading:
    """QuantizeLinear: passed through; the DequantizeLinear behind it carries the range."""
    readers = [use.node for use in view.node.outputs[0].uses()]
    if any(r.op_type != "DequantizeLinear" for r in readers) or not readers:
        raise NotReadableError("integers that no DequantizeLinear turns back")
    if view.node.outputs[0].is_graph_output():
        raise NotReadableError("integers as the output of the model")
    return Reading(inputs=(0,), steps=())


def dequantize(view: NodeView) -> Reading:
    """DequantizeLinear behind a QuantizeLinear with the same parameters."""
    source = view.node.inputs[0]
    producer = None if source is None else source.producer()
    if producer is None or producer.op_type != "QuantizeLinear":
        raise NotReadableError("integers that no QuantizeLinear made")
    other = NodeView(node=producer, name=view.name, opset=view.opset, batch=view.batch)
    for index in _PARAMETERS:
        mine, theirs = view.constant(index), other.constant(index)
        if mine is None and theirs is None:
            continue
        if mine is None or theirs is None or not np.array_equal(mine, theirs):
            raise NotReadableError("its parameters differ from those of its QuantizeLinear")
    scale = view.weight(1)
    if scale.size != 1:
        raise NotReadableError(f"{scale.size} scales for one value")
    low, high = _integer_range(producer, other)
    zero = view.constant(2)
    return single(
        FakeQuantize(
            scale=float(scale.reshape(())),
            zero_point=0 if zero is None else int(np.asarray(zero).reshape(-1)[0]),
            low=low,
            high=high,
        )
    )


def _integer_range(producer: ir.Node, view: NodeView) -> tuple[int, int]:
    zero = view.constant(2)
    if zero is not None:
        kind = np.asarray(zero).dtype
    elif view.get_int("output_dtype", 0):
        kind = ir.DataType(view.get_int("output_dtype", 0)).numpy()
    else:
        kind = np.dtype(np.uint8)
    if not np.issubdtype(kind, np.integer):
        raise NotReadableError(f"a quantization of {producer.op_type} to {kind}")
    limits = np.iinfo(kind)
    return int(limits.min), int(limits.max)


READERS = {"QuantizeLinear": quantize, "DequantizeLinear": dequantize}
