"""Whether there is a way to compute a convolution at all."""

from __future__ import annotations

from mxdeploy.ir.network import Node
from mxdeploy.stages.s2_legalize.arrange.convolution import is_chip_made, plan_of, task_of
from mxdeploy.stages.s2_legalize.arrange.input_side import best_arrangement
from mxdeploy.stages.s2_legalize.arrange.rows import rows_plan
from mxdeploy.stages.s2_legalize.graph import Graph


def is_possible(graph: Graph, node: Node) -> bool:
    """Whether the chip can compute the convolution ``node``, perhaps with help from the host."""
    if is_chip_made(node.op) or plan_of(graph, node) is not None:
        return True
    if rows_plan(graph, node) is not None:
        return True
    task = task_of(graph, node) if reads_input_alone(graph, node) else None
    return task is not None and best_arrangement(task.problem) is not None


def reads_input_alone(graph: Graph, node: Node) -> bool:
    """Whether the host may arrange the network's input for ``node``, of the graph or instead."""
    name = node.inputs[0]
    reader = graph.only_reader(name)
    return graph.network.inputs == (name,) and reader is not None and reader.name == node.name
