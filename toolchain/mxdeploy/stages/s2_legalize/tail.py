"""What follows the last layer is split off: it is computed on the CPU."""

from __future__ import annotations

import math
from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops import tail
from mxdeploy.ops.graph import ArgMax, Reshape, Sigmoid, Softmax
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape


def split_tail(graph: Graph) -> Graph:
    """Move Softmax, Sigmoid, ArgMax and Reshape from the end of the network to its tail.

    Networks with several outputs are left as they are.
    """
    while len(graph.network.outputs) == 1:
        node = graph.producer(graph.network.outputs[0])
        if node is None or graph.readers(node.output):
            break
        step = _tail_op(node, graph.shape(node.inputs[0]))
        if step is None or graph.source(node) is None:
            break
        edit = Edit(
            text=f"{node.name} is computed on the CPU",
            remove=(node,),
            rename=((node.output, node.inputs[0]),),
        )
        graph = graph.apply(edit, "tail", exact=True)
        network = replace(graph.network, tail=(step, *graph.network.tail))
        graph = graph.with_network(network)
    return graph


def _tail_op(node: Node, shape: Shape) -> tail.TailOp | None:
    op = node.op
    if isinstance(op, Reshape):
        return tail.Reshape(origin=node.name, shape=op.shape)
    if isinstance(op, Sigmoid):
        return tail.Sigmoid(origin=node.name)
    if not isinstance(op, Softmax | ArgMax) or not is_vector(shape, op.axis):
        return None
    if isinstance(op, Softmax):
        return tail.Softmax(origin=node.name)
    return tail.ArgMax(origin=node.name)


def is_vector(shape: Shape, axis: int) -> bool:
    """Whether ``axis`` is the only one of ``shape`` that is longer than 1."""
    return bool(shape) and math.prod(shape) == shape[axis]
