"""Operands that are all pooled alike are pooled by the layer that combines them: exact."""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ops import constraints
from mxdeploy.ops.graph import Pooling
from mxdeploy.ops.layer import LayerSpec
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, chip_map
from mxdeploy.stages.s2_legalize.layers import chip_pool, with_range
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Element-wise layer without pooling whose operands are poolings of its own, all alike."""
    layer = node.op
    if not isinstance(layer, LayerOp) or layer.spec.eltwise is None or layer.spec.pool is not None:
        return None
    sources = _pools(graph, node)
    spec = _pooling(graph, layer.spec, sources[0]) if sources else None
    if spec is None:
        return None
    new = replace(
        node,
        op=replace(layer, spec=spec),
        inputs=tuple(p.inputs[0] for p in sources),
        origin=graph.origins(*sources, node),
    )
    return Edit(
        text=f"{', '.join(p.name for p in sources)} are done by {node.name} while it reads",
        remove=(*sources, node),
        add=(new,),
        values=tuple(v for p in sources for v in with_range(graph, p)),
    )


def _pools(graph: Graph, node: Node) -> list[Node]:
    """The poolings that write the operands, if there are no others, all alike; or none."""
    pools = [p for name in node.inputs if (p := graph.producer(name)) is not None]
    private = len(pools) == len(node.inputs) and all(
        graph.only_reader(p.output) is node for p in pools
    )
    alike = len({p.op for p in pools}) == len({graph.shape(p.inputs[0]) for p in pools}) == 1
    return pools if private and alike else []


def _pooling(graph: Graph, spec: LayerSpec, pool: Node) -> LayerSpec | None:
    """The layer with ``pool`` in front of its combination; None when the chip cannot."""
    shape = graph.shape(pool.inputs[0])
    place, pooled = chip_map(shape), chip_map(graph.shape(pool.output))
    if not isinstance(pool.op, Pooling) or spec.eltwise is None or place is None:
        return None
    if pooled is None or pooled[1:] != spec.in_size:
        return None
    if constraints.violated(constraints.POOLING, pool.op, shape):
        return None
    eltwise = replace(spec.eltwise, pool_first=True)
    pooling = replace(spec, in_size=place[1:], pool=chip_pool(pool.op, shape), eltwise=eltwise)
    return None if constraints.violated(constraints.ELTWISE, pooling, ()) else pooling


RULE = Rule(name="pool-operands", exact=True, match=match)
