"""A layer with too many outputs is several, whose results lie side by side: exact.

A layer has up to 512 outputs with biases, which lie in the memory of one quadrant, and up to 1024
without. More than 1024 can only be the end of the network: no layer reads them.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Concat, Conv, Linear
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Linear, or Conv with one group, with more outputs than a layer can have."""
    op, shape = node.op, graph.shape(node.output)
    if not isinstance(op, Linear | Conv) or (isinstance(op, Conv) and op.groups != 1):
        return None
    most = limits.MAX_CHANNELS.value if op.bias is None else limits.BIAS_MEMORY_BYTES.value
    outputs = op.weight.shape[0]
    if outputs <= most or not shape or shape[0] != outputs:
        return None
    if outputs > limits.MAX_CHANNELS.value and isinstance(op, Conv):
        return None
    group = limits.MAX_PROCESSORS.value
    count = -(-outputs // most)
    size = -(-outputs // (count * group)) * group
    nodes: list[Node] = []
    values: list[Value] = []
    for number, start in enumerate(range(0, outputs, size)):
        part = slice(start, min(start + size, outputs))
        weight = Tensor(op.weight.array[part])
        bias = None if op.bias is None else Tensor(op.bias.array[part])
        value = Value(
            name=graph.new_name(f"{node.output}.part{number}"),
            shape=(weight.shape[0], *shape[1:]),
            origin=node.name,
        )
        name = graph.new_node_name(f"{node.name}.part{number}")
        new = replace(op, weight=weight, bias=bias)
        nodes.append(replace(node, name=name, op=new, output=value.name))
        values.append(value)
    names = tuple(v.name for v in values)
    return Edit(
        text=f"{outputs} outputs{' with bias' * (op.bias is not None)} take {len(nodes)} layers",
        remove=(node,),
        add=(*nodes, replace(node, op=Concat(axis=0), inputs=names)),
        values=tuple(values),
    )


RULE = Rule(name="split-outputs", exact=True, match=match)
