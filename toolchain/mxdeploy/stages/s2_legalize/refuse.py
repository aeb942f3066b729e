"""Every reason why a rewritten network is not made of hardware layers and joins."""

from __future__ import annotations

from mxdeploy.chip.max78000 import limits
from mxdeploy.errors import Diagnostic
from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops import constraints, head
from mxdeploy.ops import constraints_convolution as convolution
from mxdeploy.ops.constraint import Constraint, Op, Shape
from mxdeploy.ops.graph import (
    ArgMax,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Elementwise,
    Exp,
    GraphOp,
    HardSigmoid,
    Linear,
    LogSoftmax,
    Multiply,
    Pad,
    PerElement,
    Pooling,
    Reduce,
    Reshape,
    Sigmoid,
    Slice,
    Softmax,
    Tanh,
    TopK,
    Transpose,
    Unsupported,
    Upsample,
)
from mxdeploy.stages.s2_legalize import findings
from mxdeploy.stages.s2_legalize.arrange.words import described
from mxdeploy.stages.s2_legalize.graph import Graph, chip_map
from mxdeploy.stages.s2_legalize.joins import is_join, weighted_readers

_AT_END = (
    ArgMax, Exp, HardSigmoid, LogSoftmax, Reduce, Sigmoid, Softmax, Tanh, TopK,
)  # fmt: skip


def reasons(graph: Graph) -> tuple[Diagnostic, ...]:
    """All findings, in the order of the model; empty when the network is legal."""
    found: list[Diagnostic] = []
    for node in graph.network.nodes:
        found += _of_layer(node) if isinstance(node.op, LayerOp) else _of_node(graph, node, node.op)
    left = [
        n for n in graph.network.nodes if not isinstance(n.op, LayerOp) and not is_placed(graph, n)
    ]
    if left and not found:
        shape = graph.shape(left[0].inputs[0])
        found.append(findings.not_a_layer(left[0].name, type(left[0].op).__name__, shape))
    if not left:
        found += _of_network(graph)
    return tuple(found)


def _of_network(graph: Graph) -> list[Diagnostic]:
    count = sum(isinstance(n.op, LayerOp) for n in graph.network.nodes)
    if not count:
        return [findings.no_layer(graph.network.name)]
    if count > limits.MAX_LAYERS.value:
        return [findings.too_many_layers(graph.network.name, count)]
    return [
        findings.constant_input(graph.network.name, op.origin)
        for op in graph.network.head
        if _forgets(op)
    ]


def _forgets(op: head.HeadOp) -> bool:
    """Whether nothing of the input is left."""
    match op:
        case head.Affine(scale=scale):
            return not scale.array.any()
        case head.PerElement(scale=Tensor() as scale):
            return not scale.array.any()
        case head.Clip(low=low, high=high):
            return low >= high
        case _:
            return False


def _of_layer(node: Node) -> list[Diagnostic]:
    if not isinstance(node.op, LayerOp):
        return []
    description = f"the layer ({node.op.spec.to_text()})"
    shape = node.op.spec.in_shape
    return [
        *_broken(node.name, constraints.SPEC, node.op.spec, shape, description),
        *_broken(node.name, constraints.LAYER, node.op, shape, description),
    ]


def _broken(
    where: str, checks: tuple[Constraint[Op], ...], op: Op, shape: Shape, description: str
) -> list[Diagnostic]:
    results = [(c, c(op, shape)) for c in checks]
    return [
        findings.broken_constraint(where, c, found, description)
        for c, found in results
        if found is not None
    ]


def _of_node(graph: Graph, node: Node, op: GraphOp) -> list[Diagnostic]:
    """Findings about one imported operator that is left over."""
    before, after = graph.shape(node.inputs[0]) if node.inputs else (), graph.shape(node.output)
    match op:
        case Unsupported():
            found = [findings.unsupported(node.name, op.op_type, op.detail)]
        case Conv():
            found = _of_convolution(node, op, before)
        case ConvTranspose():
            found = _of_transposed(node, op, before)
        case Upsample():
            found = _broken(node.name, convolution.UPSAMPLE, op, before, "the enlargement")
        case Pooling():
            found = _broken(node.name, constraints.POOLING, op, before, "the pooling")
        case Clip():
            found = _broken(node.name, constraints.CLIP, op, before, "the Clip")
        case Pad() if min(op.pads) >= 0:
            found = _broken(node.name, constraints.PAD, op, before, "the Pad")
        case PerElement() | Multiply():
            found = [_of_product(node.name, op)]
        case Elementwise() | Concat():
            found = _of_branches(graph, node, op)
        case _:
            found = [] if _is_excused(graph, node) else _of_shape(node, op, before, after)
    return found


def _of_convolution(node: Node, op: Conv, before: Shape) -> list[Diagnostic]:
    """Findings about a convolution; without known shapes there are other reasons."""
    for checks in (convolution.CONV, convolution.CONV_ALONE):
        found = _broken(node.name, checks, op, before, "the convolution")
        if found or len(before) != len(op.strides) + 1:
            return found
    channels = (op.weight.shape[1] * op.groups, op.weight.shape[0])
    return [findings.no_arrangement(node.name, described(op), channels)]


def _of_transposed(node: Node, op: ConvTranspose, before: Shape) -> list[Diagnostic]:
    """Findings about a transposed convolution; without known shapes there are other reasons."""
    words = "the transposed convolution"
    found = _broken(node.name, convolution.CONV_TRANSPOSE, op, before, words)
    if found or not before:
        return found
    return _broken(node.name, convolution.CONV_TRANSPOSE_ALONE, op, before, words)


def _of_product(where: str, op: PerElement | Multiply) -> Diagnostic:
    """What only the CPU multiplies or adds."""
    if isinstance(op, Multiply):
        return findings.unsupported(where, "Mul", "a product of two computed values")
    op_type = "Add" if op.scale is None else "Mul"
    return findings.unsupported(where, op_type, "with a constant that is not per channel")


def _of_branches(graph: Graph, node: Node, op: Elementwise | Concat) -> list[Diagnostic]:
    """Findings about values that come together; shapes that are not known have other reasons."""
    shapes = tuple(graph.shape(name) for name in node.inputs)
    places = [place for place in map(chip_map, shapes) if place is not None]
    if not all(shapes) or len(places) < len(shapes):
        return []
    if isinstance(op, Elementwise):
        different = len(set(places)) > 1
        return [findings.different_operands(node.name, op.function, shapes)] if different else []
    side_by_side = op.axis == 0 and len({place[1:] for place in places}) == 1
    return [] if side_by_side else [findings.no_join(node.name, op.axis, shapes)]


def is_placed(graph: Graph, node: Node) -> bool:
    """Whether ``node`` is a join that layers read."""
    if not is_join(node.op) or not weighted_readers(graph, node):
        return False
    parts = [graph.producer(name) for name in node.inputs]
    return all(p is None or isinstance(p.op, LayerOp) for p in parts)


def _is_excused(graph: Graph, node: Node) -> bool:
    """Whether only unsupported operators read a change of shape: what it is for is not known."""
    readers = graph.readers(node.output)
    return (
        isinstance(node.op, Reshape | Transpose)
        and bool(readers)
        and all(isinstance(r.op, Unsupported) for r in readers)
    )


def _of_shape(node: Node, op: GraphOp, before: Shape, after: Shape) -> list[Diagnostic]:
    if isinstance(op, Reshape | Transpose) and before and after:
        return [findings.moves_data(node.name, type(op).__name__, before, after)]
    if isinstance(op, Pad) or (isinstance(op, Slice) and op.axis > 0):
        return [findings.leaves_out_rows(node.name, before, after)]
    if isinstance(op, _AT_END):
        return [findings.only_at_end(node.name, type(op).__name__)]
    if isinstance(op, Linear) and len(before) > 1:
        return [findings.linear_rank(node.name, before)]
    return []
