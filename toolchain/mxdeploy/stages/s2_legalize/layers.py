"""What the rules that make layers share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import LayerOp, Node, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.constraints import common_stride
from mxdeploy.ops.graph import Pooling, Reshape
from mxdeploy.ops.layer import Kind, LayerSpec, Pool, PoolKind
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape, chip_map

_SEQUENCE = 2


def view_source(graph: Graph, name: str) -> str:
    """The value that ``name`` shows in another shape, if all data lie at the same place; or itself.

    That is so when the channels are the same: pixels keep their order.
    """
    producer = graph.producer(name)
    if producer is None or not isinstance(producer.op, Reshape):
        return name
    before, after = chip_map(graph.shape(producer.inputs[0])), chip_map(graph.shape(name))
    same = before is not None and after is not None and before[0] == after[0]
    return producer.inputs[0] if same else name


def layer_edit(graph: Graph, node: Node, layer: LayerOp, source: str) -> Edit:
    """``node`` becomes ``layer``, reading ``source`` (past a reshape, perhaps)."""
    skipped = graph.producer(node.inputs[0]) if source != node.inputs[0] else None
    origin = graph.origins(node) if skipped is None else graph.origins(skipped, node)
    new = replace(node, op=layer, inputs=(source,), origin=origin)
    text = f"hardware layer: {layer.spec.to_text()}"
    values = () if skipped is None else with_range(graph, skipped)
    return Edit(text=text, remove=(node,), add=(new,), values=values)


def pointwise_spec(shape: Shape) -> LayerSpec:
    """A convolution with one tap that keeps the channels of a value of ``shape``."""
    place = chip_map(shape)
    if place is None:
        raise ValueError(f"a value of shape {shape} has no place on the chip")
    channels, rows, columns = place
    return LayerSpec(
        kind=Kind.CONV1D if len(shape) == _SEQUENCE else Kind.CONV2D,
        in_channels=channels,
        in_size=(rows, columns),
        out_channels=channels,
    )


def unit_weight(channels: int) -> Tensor:
    """Weights of a 1x1 convolution that changes nothing."""
    return Tensor(np.eye(channels, dtype=np.float32).reshape(channels, channels, 1, 1))


def chip_pool(op: Pooling, shape: Shape) -> Pool:
    """A legal pooling of a value of ``shape`` as the chip does it.

    Raises:
        ValueError: no single stride serves both directions.
    """
    stride = common_stride(op, shape[1:])
    if stride is None:
        raise ValueError(f"strides {op.strides} differ")
    rows, columns = (*op.size, 1)[:2]
    kind = PoolKind.AVERAGE if op.average else PoolKind.MAX
    return Pool(kind=kind, size=(rows, columns), stride=stride)


def with_range(graph: Graph, node: Node) -> tuple[Value, ...]:
    """The value that ``node`` (a pooling or reshape) reads, with the range declared behind it."""
    before, after = graph.value(node.inputs[0]), graph.value(node.output)
    if before.declared is not None or after.declared is None:
        return ()
    return (replace(before, declared=after.declared),)


def pooled_source(graph: Graph, pool: Node) -> tuple[str, tuple[Value, ...]]:
    """The value that a pooling reads where it is stored, with the range declared behind it."""
    name = view_source(graph, pool.inputs[0])
    ranges = [graph.value(n).declared for n in (name, pool.inputs[0], pool.output)]
    declared = next((r for r in ranges if r is not None), None)
    if ranges[0] == declared:
        return name, ()
    return name, (replace(graph.value(name), declared=declared),)
