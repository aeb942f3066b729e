"""A pooling is done by the layer that reads it, on the way in: exact.

Convolutions pool their input while reading it, at no cost in layers or memory. A fully connected
layer behind a pooling to a single pixel is a 1x1 convolution with pooling. The pooled values are
never stored; their declared range is the range of the values before the pooling. Where they are
stored anyway, as an output or a part of a join, they are read as they are.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ops import constraints
from mxdeploy.ops.graph import Pooling
from mxdeploy.ops.layer import Kind, LayerSpec
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, chip_map
from mxdeploy.stages.s2_legalize.joins import is_join
from mxdeploy.stages.s2_legalize.layers import chip_pool, pooled_source
from mxdeploy.stages.s2_legalize.rule import Rule

_SEQUENCE = 2


def match(graph: Graph, node: Node) -> Edit | None:
    """Layer with one operand that reads a legal pooling."""
    layer = node.op
    if not isinstance(layer, LayerOp) or layer.spec.pool is not None or len(node.inputs) != 1:
        return None
    source = graph.source(node)
    if source is None or not isinstance(source.op, Pooling) or _is_stored(graph, source.output):
        return None
    shape = graph.shape(source.inputs[0])
    place = chip_map(shape)
    if place is None or constraints.violated(constraints.POOLING, source.op, shape):
        return None
    pooled = chip_map(graph.shape(source.output))
    if pooled is None or pooled[1:] != layer.spec.in_size:
        return None
    spec = _pooling_kind(layer.spec, one_dimensional=len(shape) == _SEQUENCE)
    if spec is None:
        return None
    spec = replace(spec, in_size=place[1:], pool=chip_pool(source.op, shape))
    name, values = pooled_source(graph, source)
    origin = graph.origins(source, node)
    new = replace(node, op=replace(layer, spec=spec), inputs=(name,), origin=origin)
    return Edit(
        text=f"{source.name} is done by {node.name} while it reads its input",
        remove=(node,),
        add=(new,),
        values=values,
    )


def _is_stored(graph: Graph, name: str) -> bool:
    """Whether value ``name`` lies in memory, whoever else reads it."""
    return graph.is_output(name) or any(is_join(r.op) for r in graph.readers(name))


def _pooling_kind(spec: LayerSpec, *, one_dimensional: bool) -> LayerSpec | None:
    """The layer as one that can pool; None when there is none.

    A 1-D convolution reads a line: of a map, only one of a single tap pools rows and columns.
    """
    if spec.kind is Kind.CONV2D or (spec.kind is Kind.CONV1D and one_dimensional):
        return spec
    single = spec.kind is Kind.CONV1D and spec.kernel == (1, 1) and not any(spec.pad)
    if single or (spec.kind is Kind.LINEAR and not spec.flatten):
        return replace(spec, kind=Kind.CONV1D if one_dimensional else Kind.CONV2D)
    return None


RULE = Rule(name="pool-in-flight", exact=True, match=match)
