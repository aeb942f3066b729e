"""QuantizeLinear followed by DequantizeLinear on activations: a declared 8-bit range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_ir as ir

from mxdeploy.ops.graph import FakeQuantize
from mxdeploy.stages.s1_import.node_view import NodeView, NotReadableError, Reading, single

_PARAMETERS = (1, 2)


def quantize(view: NodeView) -> Reading:
    """QuantizeLinear: passed through; the DequantizeLinear behind it carries the range."""
    if view.node.outputs[0].is_graph_output():
        raise NotReadableError("integers as the output of the model")
    if not _all_turned_back(view.node.outputs[0]):
        raise NotReadableError("integers that no DequantizeLinear turns back")
    return Reading(inputs=(0,), steps=())


def _all_turned_back(value: ir.Value) -> bool:
    """Whether every reader of integers turns them into real numbers, or clips them first."""
    readers = [use.node for use in value.uses()]
    return bool(readers) and all(
        r.op_type == "DequantizeLinear" or (r.op_type == "Clip" and _all_turned_back(r.outputs[0]))
        for r in readers
    )


def clips_integers(view: NodeView) -> bool:
    """Whether a Clip stands between a QuantizeLinear and its DequantizeLinear.

    PyTorch writes fake quantization to fewer than 8 bits so; the DequantizeLinear carries it.
    """
    return _quantizer(view.node.inputs[0]) is not None


def _quantizer(value: ir.Value | None) -> ir.Node | None:
    """The QuantizeLinear that ``value`` comes from, through clips of integers."""
    producer = None if value is None else value.producer()
    while producer is not None and producer.op_type == "Clip" and producer.inputs[0] is not None:
        producer = producer.inputs[0].producer()
    return producer if producer is not None and producer.op_type == "QuantizeLinear" else None


def dequantize(view: NodeView) -> Reading:
    """DequantizeLinear behind a QuantizeLinear with the same parameters."""
    producer = _quantizer(view.node.inputs[0])
    if producer is None:
        raise NotReadableError("integers that no QuantizeLinear made")
    other = replace(view, node=producer)
    scale = view.weight(1)
    if scale.size != 1:
        raise NotReadableError(f"{scale.size} scales for one value")
    if scale.item() <= 0:
        raise NotReadableError(f"a scale of {scale.item():g}")
    for index in _PARAMETERS:
        mine, theirs = view.constant(index), other.constant(index)
        if mine is None and theirs is None:
            continue
        if mine is None or theirs is None or not np.array_equal(mine, theirs):
            raise NotReadableError("its parameters differ from those of its QuantizeLinear")
    low, high = _clipped(view, *_integer_range(producer, other))
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


def _clipped(view: NodeView, low: int, high: int) -> tuple[int, int]:
    """The integers that clips between the two nodes leave."""
    node = _producer(view.node)
    while node is not None and node.op_type == "Clip":
        clip = replace(view, node=node)
        bounds = [clip.constant(i) if clip.has(i) else None for i in (1, 2)]
        if any(clip.has(i) and b is None for i, b in zip((1, 2), bounds, strict=True)):
            raise NotReadableError("its integers are clipped to bounds that are not constant")
        low = low if bounds[0] is None else max(low, int(bounds[0].item()))
        high = high if bounds[1] is None else min(high, int(bounds[1].item()))
        node = _producer(node)
    return low, high


def _producer(node: ir.Node) -> ir.Node | None:
    return None if node.inputs[0] is None else node.inputs[0].producer()


READERS = {"QuantizeLinear": quantize, "DequantizeLinear": dequantize}
