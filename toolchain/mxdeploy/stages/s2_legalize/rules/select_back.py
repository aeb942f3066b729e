"""Of a convolution's outputs those are computed that are selected: exact.

A convolution whose outputs are read in selections only, and none of them twice, becomes one for
each selection: the same work in all. Functions in between that keep channels apart are done to each
selection by itself.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Affine, Conv, ConvTranspose, Linear
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.selection import (
    ChannelWise,
    can_be_computed_apart,
    rows,
    select,
    selected,
)


def match(graph: Graph, node: Node) -> Edit | None:
    """Convolution, or function behind one, that can be computed apart for each of its readers."""
    if not can_be_computed_apart(graph, node.output):
        return None
    selections = [(r, c) for r in graph.readers(node.output) if (c := selected(r.op)) is not None]
    if isinstance(node.op, Conv | ConvTranspose | Linear):
        apart = tuple(
            replace(
                r, op=rows(node.op, channels), inputs=node.inputs, origin=graph.origins(node, r)
            )
            for r, channels in selections
        )
        return Edit(
            text=f"its outputs are computed as they are selected: "
            f"{', '.join(str(len(c)) for _, c in selections)}",
            remove=(node,),
            change=apart,
        )
    return _before_function(graph, node, selections)


def _before_function(
    graph: Graph, node: Node, selections: list[tuple[Node, tuple[int, ...]]]
) -> Edit | None:
    """The selections in front of a function of single channels."""
    source, behind = graph.value(node.inputs[0]), graph.value(node.output)
    if not isinstance(node.op, ChannelWise):
        return None
    before: list[Node] = []
    after: list[Node] = []
    values: list[Value] = []
    for number, (reader, channels) in enumerate(selections):
        op = select(source.shape, channels)
        if op is None:
            return None
        chosen = replace(
            source,
            name=graph.new_name(f"{source.name}.selected{number}"),
            shape=(len(channels), *source.shape[1:]),
        )
        value = graph.value(reader.output)
        values += [chosen, replace(value, declared=value.declared or behind.declared)]
        name = graph.new_node_name(f"{reader.name}.selected")
        before.append(replace(reader, name=name, op=op, inputs=node.inputs, output=chosen.name))
        after.append(
            replace(
                reader,
                op=_for(node.op, channels),
                inputs=(chosen.name,),
                origin=graph.origins(node, reader),
            )
        )
    return Edit(
        text=f"the channels are selected before {node.name}",
        remove=(node,),
        add=tuple(before),
        change=tuple(after),
        values=tuple(values),
    )


def _for(op: ChannelWise, channels: tuple[int, ...]) -> ChannelWise:
    """``op`` for these channels alone."""
    if not isinstance(op, Affine):
        return op
    scale, offset = (
        t if t.array.size == 1 else Tensor(np.asarray(t.array)[list(channels)])
        for t in (op.scale, op.offset)
    )
    return Affine(scale=scale, offset=offset)


RULE = Rule(name="select-outputs", exact=True, match=match)
