"""How a legalized network hangs together: its layers, its joins, and the shapes on the chip."""

from __future__ import annotations

from math import prod

from mxdeploy.ir.network import LayerOp, Network, Node
from mxdeploy.ops.graph import Concat

Shape = tuple[int, int, int]


def is_join(node: Node) -> bool:
    """Whether the node only puts its parts side by side, along the channels."""
    return isinstance(node.op, Concat)


def layer_of(node: Node) -> LayerOp:
    """The node's hardware layer.

    Raises:
        TypeError: the network was not legalized, or the node is a join.
    """
    if not isinstance(node.op, LayerOp):
        raise TypeError(f"{node.name} is not a hardware layer: the network was not legalized")
    return node.op


def layer_nodes(network: Network) -> tuple[Node, ...]:
    """The nodes that are hardware layers, in order; the others are joins."""
    return tuple(node for node in network.nodes if not is_join(node))


def chip_shape(shape: tuple[int, ...]) -> Shape:
    """(channels, rows, columns) of a model's shape: 1-D data and vectors get trailing ones.

    Raises:
        ValueError: more than three dimensions.
    """
    channels, rows, columns = (*shape, 1, 1, 1)[: max(3, len(shape))]
    return channels, rows, columns


def chip_shapes(network: Network) -> dict[str, Shape]:
    """Shapes on the chip of the inputs, the layers' outputs and the joins, by value name."""
    shapes = {name: _input_shape(network, name) for name in network.inputs}
    for node in network.nodes:
        if is_join(node):
            parts = [shapes[name] for name in node.inputs]
            shapes[node.output] = (sum(part[0] for part in parts), *parts[0][1:])
        else:
            shapes[node.output] = layer_of(node).spec.out_shape
    return shapes


def _input_shape(network: Network, name: str) -> Shape:
    """Shape in which the chip gets input ``name``: as its first reader wants it."""
    plain = chip_shape(network.value(name).shape)
    for node in network.consumers(name):
        if not is_join(node):
            wanted = layer_of(node).spec.in_shape
            return wanted if prod(wanted) == prod(plain) else plain
        for reader in network.consumers(node.output):
            rows, columns = layer_of(reader).spec.in_size
            if plain[0] * rows * columns == prod(plain):
                return plain[0], rows, columns
    return plain
