"""What the rules for concatenations (joins) and copies share."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000.joining import join_layout, join_passes
from mxdeploy.ir.network import LayerOp, Node, Value
from mxdeploy.ops.graph import (
    Concat,
    Conv,
    ConvTranspose,
    Elementwise,
    GraphOp,
    Linear,
    Pooling,
)
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s2_legalize.graph import Graph
from mxdeploy.stages.s2_legalize.layers import pointwise_spec, unit_weight
from mxdeploy.stages.s2_legalize.numbers import single

_LAYERS = (Conv, ConvTranspose, Elementwise, LayerOp, Linear, Pooling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A layer that reads a join with weights.

    Attributes:
        node: the layer's node.
        layer: its operation.
        weight: float64, shape ``layer.spec.weight_shape``.
    """

    node: Node
    layer: LayerOp
    weight: NDArray[np.float64]

    def with_weight(self, weight: NDArray[np.float64]) -> Node:
        """The node with other weights, for a join of other parts or in another order."""
        spec = replace(self.layer.spec, in_channels=weight.shape[1])
        return replace(self.node, op=replace(self.layer, spec=spec, weight=single(weight)))


def is_join(op: GraphOp | LayerOp) -> bool:
    """Whether ``op`` concatenates channels."""
    return isinstance(op, Concat) and op.axis == 0


def weighted_readers(graph: Graph, join: Node) -> list[Reader] | None:
    """The readers of ``join``; None when there are others than layers with weights."""
    if graph.is_output(join.output):
        return None
    readers = []
    for node in graph.readers(join.output):
        op = node.op
        if not isinstance(op, LayerOp) or op.weight is None or len(node.inputs) > 1:
            return None
        readers.append(Reader(node=node, layer=op, weight=op.weight.array.astype(np.float64)))
    return readers


def part_slices(graph: Graph, join: Node) -> list[slice]:
    """Where the channels of every part lie in the join."""
    edges = [0, *itertools.accumulate(graph.shape(name)[0] for name in join.inputs)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def passes_of(graph: Graph, parts: tuple[str, ...]) -> int:
    """Passes of a join of ``parts``."""
    return join_passes(join_layout([graph.shape(name)[0] for name in parts]))


def can_be_joined(graph: Graph, parts: tuple[str, ...]) -> bool:
    """Whether ``parts`` have numbers of channels that the chip has at all."""
    return all(1 <= graph.shape(name)[0] <= limits.MAX_CHANNELS.value for name in parts)


def is_private(graph: Graph, name: str) -> bool:
    """Whether ``name`` is the output of a layer and is read once, and by no host."""
    readers = graph.readers(name)
    return (
        graph.producer(name) is not None
        and not graph.is_output(name)
        and len(readers) == 1
        and readers[0].inputs.count(name) == 1
    )


def copy_of(graph: Graph, name: str, reader: Node, *, convolved: bool) -> tuple[Node, Value]:
    """A copy of value ``name`` for ``reader``, and the value it makes.

    It passes through; or it is convolved with the unit matrix, where the chip cannot pass it.
    """
    value = graph.value(name)
    copied = replace(value, name=graph.new_name(f"{name}.copy"))
    spec = pointwise_spec(value.shape)
    if convolved:
        op = LayerOp(spec=spec, weight=unit_weight(spec.in_channels))
    else:
        op = LayerOp(spec=replace(spec, kind=Kind.PASSTHROUGH))
    node = Node(
        name=graph.new_node_name(f"{reader.name}.{copied.name}"),
        op=op,
        inputs=(name,),
        output=copied.name,
        origin=reader.origin,
    )
    return node, copied


def only_host_follows(graph: Graph, name: str) -> bool:
    """Whether nothing that a layer has to do depends on value ``name``."""
    ahead, seen = [name], set()
    while ahead:
        for reader in graph.readers(ahead.pop()):
            if isinstance(reader.op, _LAYERS):
                return False
            if reader.output not in seen:
                seen.add(reader.output)
                ahead.append(reader.output)
    return True
