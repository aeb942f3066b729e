"""Parts that are all pooled alike are pooled together: exact.

Poolings keep channels apart. The convolution that reads the joined map pools it on the way in, all
channels at once, and the poolings of the parts are no layers.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops import constraints
from mxdeploy.ops.graph import Conv, Pooling
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.joins import is_join
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.selection import has_no_own_range


def match(graph: Graph, node: Node) -> Edit | None:
    """Concat of poolings that nobody else reads, read by one convolution."""
    reader = graph.only_reader(node.output)
    if not is_join(node.op) or reader is None or not isinstance(reader.op, Conv):
        return None
    pools = _pools_alike(graph, node)
    if not pools:
        return None
    shape = graph.shape(pools[0].inputs[0])
    value = graph.value(node.output)
    whole = replace(
        value,
        name=graph.new_name(f"{value.name}.before_pool"),
        shape=(value.shape[0], *shape[1:]),
        declared=None,
        clip=None,
    )
    pool = replace(pools[0], inputs=(whole.name,), output=value.name, origin=graph.origins(*pools))
    join = replace(node, inputs=tuple(p.inputs[0] for p in pools), output=whole.name)
    return Edit(
        text=f"{', '.join(p.name for p in pools)} are done behind {node.name}",
        remove=(*pools, node),
        add=(join, pool),
        values=(whole,),
    )


def _pools_alike(graph: Graph, join: Node) -> list[Node]:
    """The poolings that ``join`` alone reads, if all of it are, alike, and the chip has them."""
    pools = [p for name in join.inputs if (p := graph.producer(name)) is not None]
    if len({p.output for p in pools}) < len(join.inputs):
        return []
    if any(graph.only_reader(p.output) is not join for p in pools):
        return []
    op, shape = pools[0].op, graph.shape(pools[0].inputs[0])
    if not isinstance(op, Pooling) or constraints.violated(constraints.POOLING, op, shape):
        return []
    alike = all(
        p.op == op and graph.shape(p.inputs[0])[1:] == shape[1:] and has_no_own_range(graph, p)
        for p in pools
    )
    return pools if alike else []


RULE = Rule(name="pool-join", exact=True, match=match)
