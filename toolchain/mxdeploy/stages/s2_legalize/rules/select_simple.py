"""A selection of all channels in order is dropped, and one of a selection is one: exact.

A selection of the channels of a concatenation that leaves out whole parts, and does not mix the
others, is a concatenation of selections.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

from mxdeploy.ir.network import Node, Value
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.joins import is_join, part_slices
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.selection import has_no_own_range, select, selected


def match(graph: Graph, node: Node) -> Edit | None:
    """Selection that selects everything, or reads a selection or a Concat of channels."""
    channels, source = selected(node.op), graph.source(node)
    if channels is None:
        return None
    if channels == tuple(range(graph.shape(node.inputs[0])[0])):
        return Edit(
            text="all channels are kept",
            remove=(node,),
            rename=((node.output, node.inputs[0]),),
        )
    if source is None:
        return None
    inner = selected(source.op)
    if inner is not None and has_no_own_range(graph, source):
        op = select(graph.shape(source.inputs[0]), [inner[c] for c in channels])
        origin = graph.origins(source, node)
        if op is None:
            return None
        return Edit(
            text=f"{source.name} and {node.name} select together",
            remove=(node,),
            add=(replace(node, op=op, inputs=source.inputs, origin=origin),),
        )
    return _of_parts(graph, node, source, channels) if is_join(source.op) else None


def _of_parts(graph: Graph, node: Node, join: Node, channels: tuple[int, ...]) -> Edit | None:
    """The selection of some of the parts as a concatenation; None when it mixes or needs all."""
    places = part_slices(graph, join)
    part_of = [next(i for i, p in enumerate(places) if p.start <= c < p.stop) for c in channels]
    runs = [
        (part, [channels[i] - places[part].start for i in positions])
        for part, group in itertools.groupby(range(len(channels)), key=part_of.__getitem__)
        if (positions := list(group))
    ]
    if len({part for part, _ in runs}) < len(runs) or len(runs) == len(places):
        return None
    declared = graph.value(node.output).declared
    pieces: list[tuple[Node, Value]] = []
    for number, (part, chosen) in enumerate(runs):
        name = join.inputs[part]
        shape = graph.shape(name)
        op = select(shape, chosen)
        if op is None:
            return None
        after = (len(chosen), *shape[1:])
        pieces.append(graph.beside(node, f"part{number}", op, (name,), after, declared=declared))
    joined = replace(
        node,
        op=join.op,
        inputs=tuple(written.name for _, written in pieces),
        origin=graph.origins(join, node),
    )
    return Edit(
        text=f"selects from the parts of {join.name}",
        remove=(node,),
        add=(*(piece for piece, _ in pieces), joined),
        values=tuple(written for _, written in pieces),
    )


RULE = Rule(name="simplify-selection", exact=True, match=match)
