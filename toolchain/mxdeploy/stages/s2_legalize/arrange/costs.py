"""What a convolution of the graph costs, however it is computed."""

from __future__ import annotations

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Conv
from mxdeploy.ops.layer import Kind, LayerSpec
from mxdeploy.stages.s2_legalize.arrange.convolution import is_native, plan_of, task_of
from mxdeploy.stages.s2_legalize.arrange.input_side import best_arrangement
from mxdeploy.stages.s2_legalize.arrange.possible import reads_input_alone
from mxdeploy.stages.s2_legalize.cost import Cost, layer_cost
from mxdeploy.stages.s2_legalize.graph import Graph, chip_map

_PLANE = 2


def convolution_cost(graph: Graph, node: Node) -> Cost | None:
    """Cost of all layers that compute ``node``; None when there is no way."""
    op, place = node.op, chip_map(graph.shape(node.inputs[0]))
    if not isinstance(op, Conv) or place is None:
        return None
    if is_native(op):
        return layer_cost(_native_spec(op, place))
    costs = []
    found = plan_of(graph, node)
    if found is not None:
        costs.append(found[1].cost)
    task = task_of(graph, node) if reads_input_alone(graph, node) else None
    arrangement = None if task is None else best_arrangement(task.problem)
    if arrangement is not None:
        costs.append(arrangement.cost)
    return min(costs, default=None)


def _native_spec(op: Conv, place: tuple[int, int, int]) -> LayerSpec:
    outputs, inputs, *taps = op.weight.shape
    rows, columns = (*taps, 1)[:2]
    pad_rows, pad_columns = (*op.pads[: len(taps)], 0)[:2]
    return LayerSpec(
        kind=Kind.CONV2D if len(taps) == _PLANE else Kind.CONV1D,
        in_channels=inputs,
        in_size=place[1:],
        out_channels=outputs,
        kernel=(rows, columns),
        pad=(pad_rows, pad_columns),
    )
