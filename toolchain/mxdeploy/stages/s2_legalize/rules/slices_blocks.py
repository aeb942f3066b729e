"""Every n-th row and column, from every start, side by side: blocks of pixels as channels: exact.

Networks that begin with such slices and their concatenation (a "focus" of the input) mean what
SpaceToDepth does; it is written as Reshapes and a Transpose, which the host does to the input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mxdeploy.ir.network import Node, Value
from mxdeploy.ops.graph import GraphOp, Reshape, Slice, Transpose
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape
from mxdeploy.stages.s2_legalize.joins import is_join
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.selection import has_no_own_range, select

_RANKS = (2, 3)
Phase = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A slice of ``source`` along rows and columns.

    Attributes:
        source: name of the sliced value.
        start: first row (and column).
        step: distance of rows (and columns).
        slices: the nodes, the first one first.
    """

    source: str
    start: Phase
    step: Phase
    slices: tuple[Node, ...]


def match(graph: Graph, node: Node) -> Edit | None:
    """Concat of channels whose parts are all slices of a value that begin at different pixels."""
    if not is_join(node.op):
        return None
    parts = [_part(graph, name) for name in node.inputs]
    source, step = parts[0].source, parts[0].step
    shape = graph.shape(source)
    if any((p.source, p.step) != (source, step) for p in parts) or len(shape) not in _RANKS:
        return None
    square = len(set(step)) == 1 or source in graph.network.inputs
    whole = all(n % s == 0 for n, s in zip(shape[1:], step, strict=True))
    phases = [p.start for p in parts]
    every = set(phases) == set(_phases(step)) and len(phases) == math.prod(step)
    if not (square and whole and every) or math.prod(step) == 1:
        return None
    size = tuple(n // s for n, s in zip(shape[1:], step, strict=True))
    if any(graph.shape(name)[1:] != size for name in node.inputs):
        return None
    return _edit(graph, node, parts, phases)


def _part(graph: Graph, name: str) -> Part:
    axes = len(graph.shape(name)) - 1
    start, step = [0] * axes, [1] * axes
    slices: list[Node] = []
    producer = graph.producer(name)
    while producer is not None and isinstance(producer.op, Slice) and producer.op.axis > 0:
        if not has_no_own_range(graph, producer):
            break
        axis = producer.op.axis - 1
        start[axis] = producer.op.start + producer.op.step * start[axis]
        step[axis] *= producer.op.step
        slices.insert(0, producer)
        name = producer.inputs[0]
        producer = graph.producer(name)
    return Part(source=name, start=tuple(start), step=tuple(step), slices=tuple(slices))


def _phases(step: Phase, *, columns_first: bool = False) -> list[Phase]:
    """All starts, in the order of rows, or of columns."""
    if len(step) == 1:
        return [(i,) for i in range(step[0])]
    rows, columns = step
    if columns_first:
        return [(i, j) for j in range(columns) for i in range(rows)]
    return [(i, j) for i in range(rows) for j in range(columns)]


def _edit(graph: Graph, node: Node, parts: list[Part], phases: list[Phase]) -> Edit | None:
    """The slices as Reshape, Transpose, Reshape and, for an order of its own, a selection."""
    shape, step = graph.shape(parts[0].source), parts[0].step
    columns_first = phases == _phases(step, columns_first=True)
    order = _phases(step, columns_first=columns_first)
    ops = _views(shape, step, columns_first=columns_first)
    channels = shape[0]
    if order != phases:
        places = [order.index(p) * channels + c for p in phases for c in range(channels)]
        chosen = select(ops[-1][1], places)
        if chosen is None:
            return None
        ops.append((chosen, graph.shape(node.output)))
    origin = graph.origins(node, *(n for p in parts for n in p.slices))
    nodes: list[Node] = []
    values: list[Value] = []
    name = parts[0].source
    for number, (op, after) in enumerate(ops):
        last = number == len(ops) - 1
        output = node.output if last else graph.new_name(f"{node.output}.blocks{number}")
        label = node.name if last else graph.new_node_name(f"{node.name}.blocks{number}")
        if not last:
            values.append(Value(name=output, shape=after, origin=node.name))
        nodes.append(Node(name=label, op=op, inputs=(name,), output=output, origin=origin))
        name = output
    return Edit(
        text=f"slices of every {'x'.join(map(str, step))}th pixel are blocks as channels",
        remove=(node,),
        add=tuple(nodes),
        values=tuple(values),
    )


def _views(shape: Shape, step: Phase, *, columns_first: bool) -> list[tuple[GraphOp, Shape]]:
    """Reshape, Transpose and Reshape with the shapes behind them."""
    pairs = [(n // s, s) for n, s in zip(shape[1:], step, strict=True)]
    split = (shape[0], *(n for pair in pairs for n in pair))
    phases = tuple(range(2, len(split), 2))
    first = phases[::-1] if columns_first else phases
    axes = (*first, 0, *range(1, len(split), 2))
    turned = tuple(split[a] for a in axes)
    joined = (shape[0] * math.prod(step), *(n for n, _ in pairs))
    return [
        (Reshape(shape=split), split),
        (Transpose(axes=axes), turned),
        (Reshape(shape=joined), joined),
    ]


RULE = Rule(name="slices-as-blocks", exact=True, match=match)
