"""A concatenation of selected channels is a selection of a concatenation: exact.

Then the parts are whole values, and the selection can vanish in the weights of what reads them.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000.limits import MAX_CHANNELS
from mxdeploy.ir.network import Node
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.joins import can_be_joined, is_join, part_slices, passes_of
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.selection import absorbs, has_no_own_range, select, selected


def match(graph: Graph, node: Node) -> Edit | None:
    """Concat with a part that is a selection, read by what has weights."""
    if not is_join(node.op) or not absorbs(graph, node.output):
        return None
    sources = [_source(graph, name) for name in node.inputs]
    whole = tuple(source for source, _ in sources)
    if whole == node.inputs:
        return None
    parts = _flat(graph, whole)
    if sum(graph.shape(n)[0] for n in parts) > MAX_CHANNELS or not can_be_joined(
        graph, node.inputs
    ):
        return None
    if passes_of(graph, tuple(dict.fromkeys(parts))) > passes_of(graph, node.inputs):
        return None
    value = graph.value(node.output)
    joined = replace(
        value,
        name=graph.new_name(f"{value.name}.whole"),
        shape=(sum(graph.shape(n)[0] for n in whole), *value.shape[1:]),
    )
    join = replace(
        node, name=graph.new_node_name(f"{node.name}.whole"), inputs=whole, output=joined.name
    )
    places = part_slices(graph, join)
    channels = [p.start + c for p, (_, chosen) in zip(places, sources, strict=True) for c in chosen]
    op = select(joined.shape, channels)
    if op is None:
        return None
    return Edit(
        text="whole values are joined, and channels selected of the join",
        remove=(node,),
        add=(join, replace(node, op=op, inputs=(joined.name,))),
        values=(joined,),
    )


def _source(graph: Graph, name: str) -> tuple[str, tuple[int, ...]]:
    """The value that ``name`` is selected from, and the channels."""
    producer = graph.producer(name)
    channels = selected(producer.op) if producer is not None else None
    if producer is None or channels is None or not has_no_own_range(graph, producer):
        return name, tuple(range(graph.shape(name)[0]))
    return producer.inputs[0], channels


def _flat(graph: Graph, names: tuple[str, ...]) -> tuple[str, ...]:
    """``names`` with the parts of those that are joins."""
    flat: list[str] = []
    for name in names:
        producer = graph.producer(name)
        joined = producer is not None and is_join(producer.op)
        flat += _flat(graph, producer.inputs) if producer and joined else [name]
    return tuple(flat)


RULE = Rule(name="select-behind-concatenation", exact=True, match=match)
