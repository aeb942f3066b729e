"""A sum is computed by a convolution over its operands lying side by side: exact.

``conv(u) + x`` is one convolution over ``u`` and ``x`` lying side by side, with the unit matrix in
the middle of the kernel for ``x``; ``conv(u) + conv(v)`` is one over ``u`` and ``v``. Nothing is
rounded before it is added, the activation behind the sum belongs to the layer, and no value has to
be copied. It costs the layer no time while the values fit on 64 processors. Where an activation
needs a convolution anyway, ``x + y`` is a convolution with two unit matrices.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Concat, Conv, Elementwise, LayerFunction, Linear
from mxdeploy.ops.layer import EltwiseFunction
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.linear_terms import (
    Term,
    has_room,
    lie_side_by_side,
    merged,
    terms,
)
from mxdeploy.stages.s2_legalize.rule import Rule

_FUNCTIONS = (EltwiseFunction.ADD, EltwiseFunction.SUB)
_SMALLEST = 1 / 4
"""The largest weight beside a factor of 1 must not be smaller: weights share one scale."""


def match(graph: Graph, node: Node) -> Edit | None:
    """Addition or subtraction of values that can lie side by side."""
    shape = graph.shape(node.output)
    if not isinstance(node.op, Elementwise) or node.op.function not in _FUNCTIONS:
        return None
    if len(shape) not in (2, 3) or {graph.shape(n) for n in node.inputs} != {shape}:
        return None
    found = terms(graph, node)
    sources = list(dict.fromkeys(t.source for t in found))
    if not _is_worth_it(graph, node, found) or not lie_side_by_side(graph, sources):
        return None
    channels = [graph.shape(name)[0] for name in sources]
    conv = merged(found, sources, channels, shape[0], len(shape) - 1)
    before = sum(t.conv[1].weight.array.size for t in found if t.conv is not None)
    if not has_room(graph, conv.weight.array.size - before):
        return None
    return _edit(graph, node, found, sources, conv)


def _is_worth_it(graph: Graph, node: Node, found: tuple[Term, ...]) -> bool:
    """Whether a layer or a copy is saved, and no precision lost.

    A sum of values of its own that a convolution reads costs nothing as it is, and a sum without a
    convolution little. The unit matrix needs weights beside it that are not much smaller than 1.
    """
    own = [t.conv[1] for t in found if t.conv is not None]
    if len(own) == len(found) or _differ(graph, node):
        return True
    reader = graph.only_reader(node.output)
    shared = any(t.conv is None and graph.only_reader(t.source) is None for t in found)
    if not own:
        return shared and reader is not None and isinstance(reader.op, LayerFunction)
    in_flight = reader is not None and isinstance(reader.op, Conv | Linear)
    largest = max(float(np.abs(op.weight.array).max()) for op in own)
    return largest >= _SMALLEST and (shared or not in_flight)


def _differ(graph: Graph, node: Node) -> bool:
    """Whether operands declare scales that differ: those of an element-wise layer cannot."""
    ranges = [graph.value(name).declared for name in node.inputs]
    return len({r.scale for r in ranges if r is not None}) > 1


def _edit(
    graph: Graph, node: Node, found: tuple[Term, ...], sources: list[str], conv: Conv
) -> Edit:
    """The convolution, and the join in front of it when there are several sources."""
    own = [t.conv[0] for t in found if t.conv is not None]
    origin = graph.origins(*own, node)
    first = own[0] if own else node
    layer = replace(first, op=conv, inputs=(sources[0],), output=node.output, origin=origin)
    text = f"{node.name} is done by the convolution {first.name}"
    if len(sources) == 1:
        return Edit(text=text, remove=(*own, node), add=(layer,))
    shape = graph.shape(sources[0])
    value = replace(
        graph.value(node.output),
        name=graph.new_name(f"{node.output}.operands"),
        shape=(conv.weight.shape[1], *shape[1:]),
        declared=None,
        clip=None,
    )
    join = Node(
        name=graph.new_node_name(f"{node.name}.operands"),
        op=Concat(axis=0),
        inputs=tuple(sources),
        output=value.name,
        origin=node.origin,
    )
    return Edit(
        text=f"{text} over {', '.join(sources)} side by side",
        remove=(*own, node),
        add=(join, replace(layer, inputs=(value.name,))),
        values=(value,),
    )


RULE = Rule(name="add-in-convolution", exact=True, match=match, spends_weights=True)
