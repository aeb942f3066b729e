"""A layer that reads a selection reads the whole value, with zeros for what is not selected: exact.

That costs nothing as long as the whole takes no more passes. Poolings keep channels apart and are
looked through, and so are reshapes that flatten a map in front of a matrix product.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ir.network import Node, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Conv, Linear, Pooling, Reshape
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.selection import (
    absorbs,
    can_be_computed_apart,
    has_no_own_range,
    is_cheap,
    selected,
    selections_of,
)
from mxdeploy.stages.s2_legalize.sizes import flatten_fits


def match(graph: Graph, node: Node) -> Edit | None:
    """Convolution of one group or Linear behind a selection, perhaps a pooling and a Reshape."""
    op = node.op
    if not isinstance(op, Conv | Linear) or (isinstance(op, Conv) and op.groups != 1):
        return None
    between: list[Node] = []
    source = graph.source(node)
    for kind in (Reshape, Pooling):
        if source is not None and isinstance(source.op, kind):
            between.insert(0, source)
            source = graph.source(source)
    if source is None or not has_no_own_range(graph, source):
        return None
    channels = selected(source.op)
    whole = graph.shape(source.inputs[0])
    if channels is None or not is_cheap(graph, source.inputs[0], channels):
        return None
    if can_be_computed_apart(graph, source.inputs[0]) and not _all_vanish(graph, source.inputs[0]):
        return None
    weight = _spread(op.weight.array, channels, whole[0])
    if weight is None or (isinstance(op, Linear) and not _can_flatten(weight, whole[0])):
        return None
    return _edit(graph, node, replace(op, weight=Tensor(weight)), source, between)


def _all_vanish(graph: Graph, name: str) -> bool:
    """Whether no selection of ``name`` would be left over."""
    return all(absorbs(graph, node.output) for node in selections_of(graph, name) or ())


def _spread(
    weight: NDArray[np.generic], channels: tuple[int, ...], whole: int
) -> NDArray[np.float32] | None:
    """Weights that read ``whole`` channels instead of the selected ones."""
    outputs, features, *taps = weight.shape
    pixels, rest = divmod(features, len(channels))
    if rest:
        return None
    spread = np.zeros((outputs, whole, pixels, *taps), np.float32)
    each = weight.reshape(outputs, len(channels), pixels, *taps)
    for position, channel in enumerate(channels):
        spread[:, channel] += each[:, position]
    return spread.reshape(outputs, whole * pixels, *taps)


def _can_flatten(weight: NDArray[np.float32], channels: int) -> bool:
    """Whether a fully connected layer can read all of a map of ``channels``."""
    outputs, features = weight.shape
    return flatten_fits(channels, features // channels, outputs)


def _edit(
    graph: Graph, node: Node, op: Conv | Linear, source: Node, between: list[Node]
) -> Edit | None:
    """``node`` as ``op`` that reads what ``source`` reads, past copies of the nodes between."""
    name, shape = source.inputs[0], graph.shape(source.inputs[0])
    nodes: list[Node] = []
    values: list[Value] = []
    for middle in between:
        after = graph.shape(middle.output)
        flat = isinstance(middle.op, Reshape) and len(after) == 1
        if not flat and after[0] != graph.shape(source.output)[0]:
            return None
        shape = (math.prod(shape),) if flat else (shape[0], *after[1:])
        value = replace(
            graph.value(middle.output), name=graph.new_name(f"{middle.output}.whole"), shape=shape
        )
        nodes.append(
            replace(
                middle,
                name=graph.new_node_name(f"{middle.name}.whole"),
                op=Reshape(shape=shape) if isinstance(middle.op, Reshape) else middle.op,
                inputs=(name,),
                output=value.name,
            )
        )
        values.append(value)
        name = value.name
    origin = graph.origins(source, *between, node)
    return Edit(
        text=f"the channels that {source.name} leaves out have the weight 0",
        remove=(node,),
        add=(*nodes, replace(node, op=op, inputs=(name,), origin=origin)),
        values=tuple(values),
    )


RULE = Rule(name="select-in-reader", exact=True, match=match)
