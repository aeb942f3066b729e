"""What the CPU does before and behind the network, as ONNX nodes on real numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mxdeploy.ops import graph as ops
from mxdeploy.ops import head as steps
from mxdeploy.ops.tail import TailChoice, TailFunction, TailMove, TailStep
from mxdeploy.stages.s3_quantize.onnx_graph import GraphBuilder

Shape = tuple[int, ...]

_SIMPLE: dict[type, str] = {
    ops.Relu: "Relu",
    ops.Abs: "Abs",
    ops.Sigmoid: "Sigmoid",
    ops.Tanh: "Tanh",
    ops.Exp: "Exp",
}
_REDUCTIONS = {"mean": "ReduceMean", "sum": "ReduceSum", "max": "ReduceMax", "min": "ReduceMin"}
_PAIRS = {"add": "Add", "sub": "Sub"}


def emit_head(graph: GraphBuilder, head: Sequence[steps.HeadOp], tensor: str, shape: Shape) -> str:
    """The steps in front; ``shape`` is that of ``tensor``, without the batch dimension."""
    for op in head:
        emit = _head_function if isinstance(op, steps.HeadFunction) else _head_move
        tensor = emit(graph, op, tensor, len(shape))
        shape = steps.shape_after((op,), shape)
    return tensor


def _head_function(graph: GraphBuilder, op: steps.HeadOp, tensor: str, axes: int) -> str:
    match op:
        case steps.Affine():
            return _affine(graph, tensor, op, axes)
        case steps.PerElement():
            return _per_element(graph, tensor, op)
        case steps.Clip():
            return _clip(graph, tensor, op)
        case _:
            raise TypeError(f"{op} moves elements")


def _head_move(graph: GraphBuilder, op: steps.HeadOp, tensor: str, axes: int) -> str:
    match op:
        case steps.Transpose():
            return _transpose(graph, tensor, op.axes)
        case steps.Reshape():
            return graph.reshape(tensor, op.after)
        case steps.Pad():
            return _padded(graph, tensor, op.pads, axes)
        case steps.SpaceToDepth(block=(rows, columns)):
            places = [(i, j) for i in range(rows) for j in range(columns)]
            parts = [_every(graph, tensor, place, op.block, axes - 1) for place in places]
        case steps.ShiftedCopies():
            parts = [_padded(graph, tensor, (-dy, -dx, dy, dx), axes) for dy, dx in op.offsets]
        case _:
            raise TypeError(f"{op} moves no elements")
    return graph.node("Concat", parts, axis=1)


def emit_step(graph: GraphBuilder, step: TailStep, inputs: Sequence[str]) -> str:
    """A step behind the network."""
    op, tensor = step.op, inputs[0]
    if isinstance(op, TailMove):
        return _moved(graph, step, op, inputs)
    if isinstance(op, TailFunction):
        return _function(graph, op, tensor, len(step.shape))
    if isinstance(op, TailChoice):
        return graph.reshape(_chosen(graph, op, tensor), step.shape)
    if isinstance(op, ops.Softmax | ops.LogSoftmax):
        return graph.node(type(op).__name__, [tensor], axis=op.axis + 1)
    return _folded(graph, "Mul" if isinstance(op, ops.Multiply) else _PAIRS[op.function], inputs)


def _function(graph: GraphBuilder, op: TailFunction, tensor: str, axes: int) -> str:
    match op:
        case ops.Affine():
            return _affine(graph, tensor, op, axes)
        case ops.PerElement():
            return _per_element(graph, tensor, op)
        case ops.Clip():
            return _clip(graph, tensor, op)
        case ops.HardSigmoid():
            return graph.node("HardSigmoid", [tensor], alpha=op.alpha, beta=op.beta)
        case _:
            return graph.node(_SIMPLE[type(op)], [tensor])


def _chosen(graph: GraphBuilder, op: TailChoice, tensor: str) -> str:
    axis = op.axis + 1
    match op:
        case ops.ArgMax():
            return graph.node("ArgMax", [tensor], axis=axis, select_last_index=int(op.last))
        case ops.Reduce():
            return graph.node(_REDUCTIONS[op.function], [tensor, _numbers(graph, axis)])
        case ops.TopK():
            count = _numbers(graph, op.count)
            both = graph.nodes("TopK", [tensor, count], 2, axis=axis, largest=int(op.largest))
            return both[1 if op.indices else 0]


def _moved(graph: GraphBuilder, step: TailStep, op: TailMove, inputs: Sequence[str]) -> str:
    tensor = inputs[0]
    match op:
        case ops.Concat():
            return graph.node("Concat", inputs, axis=op.axis + 1)
        case ops.Transpose():
            return _transpose(graph, tensor, op.axes)
        case ops.Upsample():
            factors = graph.constant(np.array((1, 1, *op.factors), np.float32))
            return graph.node(
                "Resize", [tensor, "", factors], mode="nearest", nearest_mode="floor",
                coordinate_transformation_mode="asymmetric",
            )  # fmt: skip
        case ops.Slice():
            bounds = (op.start, op.stop, op.axis + 1, op.step)
            return graph.node("Slice", [tensor, *(_numbers(graph, n) for n in bounds)])
        case ops.Reshape():
            return graph.reshape(tensor, step.shape)


def _transpose(graph: GraphBuilder, tensor: str, axes: Shape) -> str:
    return graph.node("Transpose", [tensor], perm=(0, *(axis + 1 for axis in axes)))


def _affine(graph: GraphBuilder, tensor: str, op: steps.Affine | ops.Affine, axes: int) -> str:
    scale, offset = (part.array.astype(np.float32) for part in (op.scale, op.offset))
    if scale.ndim:
        scale = scale.reshape(-1, *(1,) * (axes - 1))
    if offset.ndim:
        offset = offset.reshape(-1, *(1,) * (axes - 1))
    scaled = graph.node("Mul", [tensor, graph.constant(scale)])
    return graph.node("Add", [scaled, graph.constant(offset)])


def _per_element(graph: GraphBuilder, tensor: str, op: steps.PerElement | ops.PerElement) -> str:
    for operator, part in (("Mul", op.scale), ("Add", op.offset)):
        if part is not None:
            constant = graph.constant(part.array.astype(np.float32))
            tensor = graph.node(operator, [tensor, constant])
    return tensor


def _clip(graph: GraphBuilder, tensor: str, op: steps.Clip | ops.Clip) -> str:
    return graph.node("Clip", [tensor, graph.scalar(op.low), graph.scalar(op.high)])


def _padded(graph: GraphBuilder, tensor: str, pads: tuple[int, int, int, int], axes: int) -> str:
    """Zeros around rows and columns, or less of them; (top, left, bottom, right)."""
    begins, ends = pads[: axes - 1], pads[2 : 2 + axes - 1]
    return graph.node("Pad", [tensor, _numbers(graph, 0, 0, *begins, 0, 0, *ends)])


def _every(
    graph: GraphBuilder, tensor: str, first: tuple[int, int], step: tuple[int, int], spatial: int
) -> str:
    """Every ``step``-th row and column from ``first`` on."""
    ends = np.full(spatial, np.iinfo(np.int64).max)
    rows = (first[:spatial], ends, range(2, 2 + spatial), step[:spatial])
    return graph.node("Slice", [tensor, *(_numbers(graph, *numbers) for numbers in rows)])


def _folded(graph: GraphBuilder, operator: str, inputs: Sequence[str]) -> str:
    result = inputs[0]
    for other in inputs[1:]:
        result = graph.node(operator, [result, other])
    return result


def _numbers(graph: GraphBuilder, *numbers: int) -> str:
    return graph.constant(np.array(numbers, np.int64))
