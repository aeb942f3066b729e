"""The last layer keeps the 32-bit sum: exact.

A convolution or fully connected layer without activation and bounds that feeds only an output of
the network writes its accumulator; nothing is lost to 8 bits. Maps too large to be stored that
wide (four words for every pixel and four channels) keep 8 bits, and so do outputs beside which
later layers would find too little memory.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ops.graph import Concat
from mxdeploy.ops.layer import Activation, Kind, LayerSpec
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, chip_map
from mxdeploy.stages.s2_legalize.rule import Rule

_WIDE = limits.WIDE_OUTPUT_BITS.value
_WORDS = limits.CHANNEL_GROUP.value
"""Words of a pixel and four channels when they are wide."""
_SHARE = Fraction(3, 4)
"""Of all data memory: what outputs that stay until the end may take beside everything else."""


def match(graph: Graph, node: Node) -> Edit | None:
    """Layer with weights, without activation, whose value is an output and read by no layer."""
    op = node.op
    if not isinstance(op, LayerOp) or op.spec.kind is Kind.PASSTHROUGH:
        return None
    value = graph.value(node.output)
    if op.spec.output_bits == _WIDE or op.spec.activation is not Activation.NONE:
        return None
    if value.clip or value.declared or not graph.is_output(value.name):
        return None
    if graph.readers(value.name) or not _fits_wide(op.spec) or not _leaves_room(graph, node):
        return None
    spec = replace(op.spec, output_bits=_WIDE)
    return Edit(
        text=f"{node.name} writes its {_WIDE}-bit sum",
        remove=(node,),
        add=(replace(node, op=replace(op, spec=spec)),),
    )


def _fits_wide(spec: LayerSpec) -> bool:
    """Whether the 32-bit output alone fits the data memories."""
    if spec.out_channels > limits.MAX_CHANNELS.value:
        return False
    rows, columns = spec.out_size
    words = _WORDS * rows * columns * limits.passes(spec.out_channels)
    return words * limits.WIDE_OUTPUT_BITS.value // 8 <= limits.DATA_MEMORY_BYTES.value


def _leaves_room(graph: Graph, node: Node) -> bool:
    """Whether the values that are needed while the wide output exists fit beside it."""
    nodes = graph.network.nodes
    position = nodes.index(node)
    last = _last_uses(graph)
    room = int(mem.DATA_MEMORIES * mem.DATA_WORDS * _SHARE)
    for time in range(position + 1, len(nodes)):
        live = {n.output for n in nodes[: time + 1]} | set(graph.network.inputs)
        live = {name for name in live if last.get(name, -1) >= time}
        if sum(_words(graph, name, wide=node.output) for name in live) > room:
            return False
    return True


def _last_uses(graph: Graph) -> dict[str, int]:
    """The last node that reads each value, through joins; outputs are needed to the end."""
    nodes = graph.network.nodes
    last: dict[str, int] = {name: len(nodes) for name in graph.network.outputs}
    for time in reversed(range(len(nodes))):
        node = nodes[time]
        until = last.get(node.output, time) if isinstance(node.op, Concat) else time
        for name in node.inputs:
            last[name] = max(last.get(name, until), until)
    return {n: t for n, t in last.items() if not isinstance(_op(graph, n), Concat)}


def _op(graph: Graph, name: str) -> object:
    producer = graph.producer(name)
    return None if producer is None else producer.op


def _words(graph: Graph, name: str, *, wide: str) -> int:
    """Words of all data memories that a value takes."""
    place = chip_map(graph.shape(name))
    if place is None:
        return 0
    channels, rows, columns = place
    op = _op(graph, name)
    is_wide = name == wide or (isinstance(op, LayerOp) and op.spec.output_bits == _WIDE)
    groups = -(-channels // limits.CHANNEL_GROUP.value)
    return groups * rows * columns * (_WORDS if is_wide else 1)


RULE = Rule(name="wide-output", exact=True, match=match)
