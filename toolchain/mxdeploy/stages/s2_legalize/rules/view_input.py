"""Changes of shape and order of the input are left to the host: exact.

The host writes the data to the chip, where they can lie as the first layer wants them: a vector of
pixels as channels, a sequence cut into a map, rows and columns exchanged.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ops import head
from mxdeploy.ops.graph import Reshape, Transpose
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, chip_map
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Reshapes and Transposes, one behind the other, that alone read the input."""
    name = node.inputs[0]
    if name not in graph.network.inputs or graph.only_reader(name) is not node:
        return None
    chain: list[Node] = []
    longest = 0
    reader: Node | None = node
    while reader is not None and isinstance(reader.op, Reshape | Transpose):
        chain.append(reader)
        if _is_place(graph, reader.output) and graph.readers(reader.output):
            longest = len(chain)
        reader = graph.only_reader(reader.output)
    if not longest:
        return None
    views = tuple(chain[:longest])
    value, last = graph.value(name), graph.value(views[-1].output)
    declared = value.declared
    for view in views:
        declared = graph.value(view.output).declared or declared
    return Edit(
        text=f"the input is taken as {list(last.shape)} instead of {list(value.shape)}",
        remove=views,
        values=(replace(value, shape=last.shape, declared=declared),),
        rename=((last.name, name),),
        head=tuple(step for view in views for step in _steps(graph, view)),
    )


def _is_place(graph: Graph, name: str) -> bool:
    """Whether a value of that shape has a place on the chip."""
    place = chip_map(graph.shape(name))
    return (
        place is not None
        and place[0] <= limits.MAX_CHANNELS.value
        and max(place[1:]) <= limits.MAX_DIMENSION.value
    )


def _steps(graph: Graph, view: Node) -> tuple[head.HeadOp, ...]:
    before, after = graph.shape(view.inputs[0]), graph.shape(view.output)
    if isinstance(view.op, Transpose):
        return (head.Transpose(origin=view.name, axes=view.op.axes),)
    return (head.Reshape(origin=view.name, before=before, after=after),)


RULE = Rule(name="host-view", exact=True, match=match)
