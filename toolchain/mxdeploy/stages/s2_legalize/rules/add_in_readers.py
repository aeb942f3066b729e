"""A sum that only convolutions read is left to their weights: exact.

``conv(x + y)`` is a convolution over ``x`` and ``y`` lying side by side, with the same weights for
both. Where operands of the sum have other readers, several convolutions read it, or one that cannot
combine operands, that saves layers; it takes no longer while the values fit on 64 processors.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Concat, Conv, Elementwise
from mxdeploy.ops.layer import EltwiseFunction
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.linear_terms import has_room, lie_side_by_side
from mxdeploy.stages.s2_legalize.numbers import single
from mxdeploy.stages.s2_legalize.rule import Rule

_FUNCTIONS = (EltwiseFunction.ADD, EltwiseFunction.SUB)


def match(graph: Graph, node: Node) -> Edit | None:
    """Addition or subtraction that nothing but convolutions read."""
    op = node.op
    if not isinstance(op, Elementwise) or len({graph.shape(n) for n in node.inputs}) > 1:
        return None
    readers = _readers(graph, node.output)
    shared = any(graph.only_reader(n) is not node for n in node.inputs)
    in_flight = len(readers) == 1 and not _is_sequence(readers[0][1])
    if op.function not in _FUNCTIONS or not readers or (in_flight and not shared):
        return None
    weights = sum(conv.weight.array.size for _, conv in readers)
    if not lie_side_by_side(graph, node.inputs):
        return None
    if not has_room(graph, weights * (len(node.inputs) - 1)):
        return None
    return _edit(graph, node, readers, 1 if op.function == EltwiseFunction.ADD else -1)


def _is_sequence(conv: Conv) -> bool:
    """Whether ``conv`` is a 1-D convolution of several taps, which combines no operands."""
    return len(conv.strides) == 1 and conv.weight.shape[2] > 1


def _readers(graph: Graph, name: str) -> list[tuple[Node, Conv]]:
    """The convolutions of one group that read ``name``, if nobody else does; or none."""
    value = graph.value(name)
    if graph.is_output(name) or value.declared is not None or value.clip is not None:
        return []
    nodes = graph.readers(name)
    found = [(r, r.op) for r in nodes if isinstance(r.op, Conv) and r.op.groups == 1]
    return found if len(found) == len(nodes) else []


def _edit(graph: Graph, node: Node, readers: list[tuple[Node, Conv]], sign: int) -> Edit:
    count = len(node.inputs)
    value = graph.value(node.output)
    joined = replace(
        value,
        name=graph.new_name(f"{value.name}.operands"),
        shape=(count * value.shape[0], *value.shape[1:]),
    )
    changed = []
    for reader, conv in readers:
        weight = conv.weight.array.astype(np.float64)
        repeated = np.concatenate([weight, *[sign * weight] * (count - 1)], axis=1)
        inputs = tuple(joined.name if n == value.name else n for n in reader.inputs)
        changed.append(
            replace(
                reader,
                op=replace(conv, weight=single(repeated)),
                inputs=inputs,
                origin=graph.origins(node, reader),
            )
        )
    names = ", ".join(reader.name for reader, _ in readers)
    return Edit(
        text=f"{node.name} is done in the weights of {names}",
        remove=(node,),
        add=(replace(node, op=Concat(axis=0), output=joined.name),),
        change=tuple(changed),
        values=(joined,),
    )


RULE = Rule(name="add-in-weights", exact=True, match=match, spends_weights=True)
