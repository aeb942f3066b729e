"""The last layer keeps the 32-bit sum: exact.

A convolution or fully connected layer without activation and bounds that feeds only an output of
the network writes its accumulator; nothing is lost to 8 bits. Maps too large to be stored that
wide (four words for every pixel and four channels) keep 8 bits.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ops.layer import Activation, Kind, LayerSpec
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Layer with weights, without activation, whose value is an output and read by no layer."""
    op = node.op
    if not isinstance(op, LayerOp) or op.spec.kind is Kind.PASSTHROUGH:
        return None
    wide = limits.WIDE_OUTPUT_BITS.value
    value = graph.value(node.output)
    if op.spec.output_bits == wide or op.spec.activation is not Activation.NONE:
        return None
    if value.clip or value.declared or not graph.is_output(value.name):
        return None
    if graph.readers(value.name) or not _fits_wide(op.spec):
        return None
    spec = replace(op.spec, output_bits=wide)
    return Edit(
        text=f"{node.name} writes its {wide}-bit sum",
        remove=(node,),
        add=(replace(node, op=replace(op, spec=spec)),),
    )


def _fits_wide(spec: LayerSpec) -> bool:
    """Whether the 32-bit output alone fits the data memories."""
    if spec.out_channels > limits.MAX_CHANNELS.value:
        return False
    rows, columns = spec.out_size
    words = limits.CHANNEL_GROUP.value * rows * columns * limits.passes(spec.out_channels)
    return words * limits.WIDE_OUTPUT_BITS.value // 8 <= limits.DATA_MEMORY_BYTES.value


RULE = Rule(name="wide-output", exact=True, match=match)
