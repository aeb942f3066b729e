"""An input that is flattened for a matrix comes with more channels and fewer pixels: exact.

The chip reads a flattened map pixel by pixel, up to 64 channels at once. The host can write the
same elements, in the same order, as a map of more channels: fewer steps, and weights spread over
more processors.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ops import head
from mxdeploy.ops.graph import Linear, Reshape
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, chip_map
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Reshape to a vector that alone reads the input, in front of nothing but matrices."""
    name, readers = node.inputs[0], graph.readers(node.output)
    if not isinstance(node.op, Reshape) or name not in graph.network.inputs:
        return None
    if graph.only_reader(name) is not node or graph.is_output(node.output):
        return None
    shape, vector = graph.shape(name), graph.shape(node.output)
    place = chip_map(shape)
    if len(vector) != 1 or not all(isinstance(r.op, Linear) for r in readers):
        return None
    best = _best(vector[0])
    if best is None or (place is not None and _steps(place[0], place[1] * place[2]) <= best[0]):
        return None
    channels = best[1]
    value = graph.value(name)
    after = (channels, vector[0] // channels)
    return Edit(
        text=f"the input is taken as {list(after)} instead of {list(shape)}",
        remove=(node,),
        add=(node,),
        values=(replace(value, shape=after),),
        head=(head.Reshape(origin=node.name, before=shape, after=after),),
    )


def _steps(channels: int, pixels: int) -> int:
    """Steps in which a map is read; many where it cannot be."""
    if channels > limits.MAX_CHANNELS.value:
        return channels * pixels
    return limits.passes(channels) * pixels


def _best(elements: int) -> tuple[int, int] | None:
    """The fewest steps for so many elements, and the channels for them."""
    most = min(elements, limits.MAX_CHANNELS.value)
    ways = [
        (_steps(c, elements // c), c)
        for c in range(1, most + 1)
        if elements % c == 0 and elements // c <= limits.MAX_DIMENSION.value
    ]
    return min(ways, default=None)


RULE = Rule(name="host-flatten", exact=True, match=match)
