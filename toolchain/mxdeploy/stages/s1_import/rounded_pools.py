"""Poolings that round up (``ceil_mode``): the number of their windows, as everybody computes it.

A window that would begin behind the map and the padding in front of it is left out. That is what
ONNX says, and what onnxruntime and PyTorch do; but ONNX's own shape inference counts such a window
before operator set 22, and everything behind it does not fit then.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from mxdeploy.stages.s1_import.node_view import Shape, static_shape

_OPERATORS = ("MaxPool", "AveragePool")


def first_corrected(graph: ir.Graph) -> dict[str, Shape]:
    """The first pooling's output, by name, whose inferred shape has windows behind the map.

    Only the first: what is inferred behind it will change.
    """
    for node in graph:
        if node.domain != "" or node.op_type not in _OPERATORS or not node.inputs:
            continue
        before, after = static_shape(node.inputs[0]), static_shape(node.outputs[0])
        if before is None or after is None or len(before) != len(after):
            continue
        shape = _without_windows_behind(node, before, after)
        if shape != after:
            return {node.outputs[0].name or "": shape}
    return {}


def preset(graph: ir.Graph, shapes: Mapping[str, Shape]) -> None:
    """Give values shapes that inference keeps."""
    for node in graph:
        for output in node.outputs:
            shape = shapes.get(output.name or "")
            if shape is not None:
                output.shape = ir.Shape(shape)


def _without_windows_behind(node: ir.Node, before: Shape, after: Shape) -> Shape:
    attributes = node.attributes
    axes = len(after) - 2
    padded_as_said = attributes.get_string("auto_pad", "NOTSET") == "NOTSET"
    if not attributes.get_int("ceil_mode", 0) or not padded_as_said:
        return after
    strides = attributes.get_ints("strides") or (1,) * axes
    begins = (attributes.get_ints("pads") or (0,) * 2 * axes)[:axes]
    if len(strides) != axes or len(begins) != axes or min(strides, default=0) < 1:
        return after  # refused where it is read
    most = (
        (length + begin - 1) // stride + 1
        for length, begin, stride in zip(before[2:], begins, strides, strict=True)
    )
    return (*after[:2], *map(min, after[2:], most))
