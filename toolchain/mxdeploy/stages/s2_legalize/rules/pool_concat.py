"""A pooling of a concatenation that is concatenated again is done to every part: exact.

Poolings keep channels apart. The parts of both concatenations are then parts of one, and a pooled
part passes through a layer that costs little.
"""

from __future__ import annotations

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Concat, Pooling
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Pooling of a Concat along the channels, read by a Concat along the channels."""
    join = graph.source(node)
    if not isinstance(node.op, Pooling) or join is None or not isinstance(join.op, Concat):
        return None
    if join.op.axis != 0 or not any(r.op == join.op for r in graph.readers(node.output)):
        return None
    value = graph.value(node.output)
    pooled = {
        name: graph.beside(
            node,
            f"of.{name}",
            node.op,
            (name,),
            (graph.shape(name)[0], *value.shape[1:]),
            declared=value.declared,
        )
        for name in dict.fromkeys(join.inputs)
    }
    joined = Node(
        name=graph.new_node_name(f"{node.name}.joined"),
        op=join.op,
        inputs=tuple(pooled[name][1].name for name in join.inputs),
        output=value.name,
        origin=graph.origins(join, node),
    )
    return Edit(
        text=f"{node.name} is done to the parts of {join.name}",
        remove=(node,),
        add=(*(part for part, _ in pooled.values()), joined),
        values=tuple(written for _, written in pooled.values()),
    )


RULE = Rule(name="pool-parts", exact=True, match=match)
