"""A pooling that no convolution reads becomes a layer of its own: exact.

With up to 64 channels, or when a single pixel is left, the chip passes the pooled values through.
Otherwise, and where parts of a join come together, they pass a 1x1 convolution with the unit
matrix.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ops import constraints
from mxdeploy.ops.graph import Pooling
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, chip_map
from mxdeploy.stages.s2_legalize.joins import is_join
from mxdeploy.stages.s2_legalize.layers import chip_pool, pointwise_spec, pooled_source, unit_weight
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Legal pooling."""
    op = node.op
    if not isinstance(op, Pooling):
        return None
    shape = graph.shape(node.inputs[0])
    pooled = chip_map(graph.shape(node.output))
    if chip_map(shape) is None or pooled is None:
        return None
    if constraints.violated(constraints.POOLING, op, shape):
        return None
    channels = shape[0]
    spec = replace(pointwise_spec(shape), pool=chip_pool(op, shape))
    if not _is_for_joins(graph, node) and (
        channels <= limits.MAX_PROCESSORS.value or pooled[1:] == (1, 1)
    ):
        layer = LayerOp(spec=replace(spec, kind=Kind.PASSTHROUGH))
        text = "becomes a pass-through layer"
    else:
        layer = LayerOp(spec=spec, weight=unit_weight(channels))
        text = f"becomes a 1x1 convolution with the unit matrix ({channels} channels)"
    name, values = pooled_source(graph, node)
    return Edit(
        text=f"{node.name} {text}",
        remove=(node,),
        add=(replace(node, op=layer, inputs=(name,)),),
        values=values,
    )


def _is_for_joins(graph: Graph, node: Node) -> bool:
    """Whether the values come from a join, or go to one in more passes than can pass through."""
    source = graph.source(node)
    wide = graph.shape(node.output)[0] > limits.MAX_PROCESSORS.value
    return (source is not None and is_join(source.op)) or (
        wide and any(is_join(r.op) for r in graph.readers(node.output))
    )


RULE = Rule(name="pool-layer", exact=True, match=match)
