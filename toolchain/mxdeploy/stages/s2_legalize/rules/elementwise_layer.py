"""An addition that no convolution takes over becomes a layer of its own: exact.

The values pass through, combined; a pooling that alone reads the sum is done by the same layer.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ops import constraints
from mxdeploy.ops.graph import Elementwise, Pooling
from mxdeploy.ops.layer import Eltwise, EltwiseFunction, Kind, LayerSpec
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, chip_map
from mxdeploy.stages.s2_legalize.layers import chip_pool, unit_weight, with_range
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Elementwise of values of equal shape."""
    op = node.op
    if not isinstance(op, Elementwise) or len({chip_map(graph.shape(n)) for n in node.inputs}) > 1:
        return None
    place = chip_map(graph.shape(node.inputs[0]))
    if place is None:
        return None
    function = EltwiseFunction(op.function)
    spec = LayerSpec(
        kind=Kind.PASSTHROUGH,
        in_channels=place[0],
        in_size=place[1:],
        out_channels=place[0],
        eltwise=Eltwise(function=function),
        operands=len(node.inputs),
    )
    return _with_pool(graph, node, spec, function) or Edit(
        text=f"{node.name} becomes a pass-through layer",
        remove=(node,),
        add=(replace(node, op=LayerOp(spec=spec)),),
    )


def _with_pool(graph: Graph, node: Node, spec: LayerSpec, function: EltwiseFunction) -> Edit | None:
    """The combination and the pooling that alone reads it in one layer, if the chip can."""
    pool = graph.only_reader(node.output)
    shape = graph.shape(node.output)
    if pool is None or not isinstance(pool.op, Pooling):
        return None
    if constraints.violated(constraints.POOLING, pool.op, shape):
        return None
    spec = replace(spec, pool=chip_pool(pool.op, shape))
    layer = _pooling(spec, function, average=pool.op.average)
    if layer is None:
        return None
    layer = replace(layer, combined_clip=graph.value(node.output).clip)
    origin = graph.origins(node, pool)
    return Edit(
        text=f"{node.name} and {pool.name} become one layer: {layer.spec.to_text()}",
        remove=(node, pool),
        add=(replace(pool, op=layer, inputs=node.inputs, origin=origin),),
        values=with_range(graph, pool),
    )


def _pooling(spec: LayerSpec, function: EltwiseFunction, *, average: bool) -> LayerOp | None:
    """A layer that combines and pools; with many channels it convolves with the unit matrix."""
    for first in (False, True) if average else (False,):
        for kind in (Kind.PASSTHROUGH, Kind.CONV2D):
            eltwise = Eltwise(function=function, pool_first=first)
            chosen = replace(spec, kind=kind, eltwise=eltwise)
            if not constraints.violated(constraints.ELTWISE, chosen, ()):
                passes_through = kind is Kind.PASSTHROUGH
                weight = None if passes_through else unit_weight(spec.in_channels)
                return LayerOp(spec=chosen, weight=weight)
    return None


RULE = Rule(name="add-layer", exact=True, match=match)
