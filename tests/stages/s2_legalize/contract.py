"""What the mapping relies on in a legalized network, written down a second time.

See ``mxdeploy.ir.network``; limits are numbers here so that nothing is taken over unseen.
"""

from __future__ import annotations

from collections import Counter

from mxdeploy.ir.network import LayerOp, Network, Node
from mxdeploy.ops.graph import Concat
from mxdeploy.ops.layer import Activation, Kind


def assert_legal(network: Network) -> None:
    """Every node is a legal layer or join, and values that come together can lie where they must.

    Raises:
        AssertionError: names the node.
    """
    network.verify()
    reads = Counter(name for node in network.nodes for name in node.inputs)
    made = {node.output: node for node in network.nodes}
    for node in network.nodes:
        if isinstance(node.op, LayerOp):
            _layer(network, node, node.op, reads, made)
        else:
            _join(network, node, reads, made)


def _map(network: Network, name: str) -> tuple[int, ...]:
    return (*network.value(name).shape, 1, 1)[:3]


def _is_join(node: Node | None) -> bool:
    return node is not None and isinstance(node.op, Concat)


def _layer(
    network: Network, node: Node, op: LayerOp, reads: Counter[str], made: dict[str, Node]
) -> None:
    spec = op.spec
    assert len(node.inputs) == spec.operands, node.name
    assert (spec.eltwise is None) == (spec.operands == 1), node.name
    assert _map(network, node.output) == spec.out_shape or spec.kind is not Kind.PASSTHROUGH
    for name in node.inputs:
        channels, rows, columns = _map(network, name)
        assert channels == spec.in_channels, node.name
        assert rows * columns == spec.in_size[0] * spec.in_size[1], node.name
        source = made.get(name)
        if source is not None and isinstance(source.op, LayerOp):
            assert source.op.spec.output_bits == 8, f"{node.name} reads 32 bits"
    passes = -(-spec.in_channels // 64)
    if spec.kind is Kind.PASSTHROUGH:
        assert spec.activation is Activation.NONE, node.name
        assert spec.pad == (0, 0), node.name
        assert spec.output_bits == 8, node.name
        assert spec.pool is None or passes == 1 or spec.out_size == (1, 1), node.name
        assert not any(_is_join(made.get(name)) for name in node.inputs), node.name
    if spec.eltwise is None:
        return
    assert 2 <= spec.operands <= 16, node.name
    assert spec.kind in (Kind.CONV2D, Kind.PASSTHROUGH), node.name
    if spec.pool is not None and not spec.eltwise.pool_first:
        assert spec.operands == 2, node.name
    if passes > 1:
        plain = spec.kind is Kind.PASSTHROUGH and spec.pool is None
        assert plain or (spec.kind is Kind.CONV2D and passes == spec.operands == 2), node.name
    for name in node.inputs:
        assert name in made, f"{node.name}: operand {name} is the input"
        assert not _is_join(made[name]), f"{node.name}: operand {name} is a join"
        assert reads[name] == 1, f"{node.name}: operand {name} has other readers"
        assert name not in network.outputs, f"{node.name}: operand {name} is an output"


def _join(network: Network, node: Node, reads: Counter[str], made: dict[str, Node]) -> None:
    assert node.op == Concat(axis=0), node.name
    assert len(set(node.inputs)) == len(node.inputs) > 1, f"{node.name}: parts are not distinct"
    assert len({_map(network, name)[1:] for name in node.inputs}) == 1, node.name
    channels = [_map(network, name)[0] for name in node.inputs]
    assert sum(channels) == _map(network, node.output)[0], node.name
    assert node.output not in network.outputs, f"{node.name} is an output"
    for name in node.inputs:
        assert not _is_join(made.get(name)), f"{node.name}: a join of joins"
    for reader in network.consumers(node.output):
        assert isinstance(reader.op, LayerOp), f"{node.name} is read by {reader.name}"
        assert reader.op.weight is not None, f"{node.name} is read by {reader.name}"
        assert reader.op.spec.operands == 1, f"{node.name} is read by {reader.name}"
    if _passes(channels) == 1:
        return
    for name in node.inputs:
        assert name in made, f"{node.name}: part {name} is the input"
        assert reads[name] == 1, f"{node.name}: part {name} has other readers"
        assert name not in network.outputs, f"{node.name}: part {name} is an output"
        op = made[name].op
        if _map(network, name)[0] > 64:
            assert isinstance(op, LayerOp), node.name
            assert op.spec.kind is not Kind.PASSTHROUGH, f"{node.name}: {name} cannot pass into it"


def _passes(channels: list[int]) -> int:
    """Words of a pixel: parts start at multiples of four; above 64 channels they stand alone."""
    total, used = 0, 0
    for count in channels:
        width = -(-count // 4) * 4
        if count > 64:
            total, used = total + -(-count // 64), 64
        elif total and used + width <= 64:
            used += width
        else:
            total, used = total + 1, width
    return total
