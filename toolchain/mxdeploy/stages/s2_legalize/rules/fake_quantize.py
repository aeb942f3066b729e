"""A quantization of an activation becomes a declared range: exact.

QuantizeLinear followed by DequantizeLinear says in which 8-bit steps the model was trained. The
pair is dropped and its scale is kept with the value, where the quantizer uses it unchanged: exact
in that the same rounding is done later. Zero points are counted from the signed range. Ranges of
other widths than 8 bits are dropped and ranges are measured instead.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node, Range
from mxdeploy.ops.graph import FakeQuantize
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule

_STEPS = 1 << limits.DATA_BITS.value
_LOWEST = -_STEPS // 2


def match(graph: Graph, node: Node) -> Edit | None:
    """FakeQuantize anywhere."""
    op = node.op
    if not isinstance(op, FakeQuantize):
        return None
    value = graph.value(node.inputs[0])
    if op.high - op.low > _STEPS - 1 or op.high - op.low < _STEPS - 2:
        text = f"quantization to {op.low}..{op.high} dropped; the range will be measured"
        declared = value.declared
    else:
        declared = Range(scale=op.scale, zero_point=op.zero_point + _LOWEST - _lowest(op))
        text = f"{value.name} keeps its declared scale {declared.scale:g}"
        if value.declared not in (None, declared):
            text = f"the scale {declared.scale:g} replaces {value.name}'s earlier one"
    return Edit(
        text=text,
        remove=(node,),
        values=(replace(value, declared=declared),),
        rename=((node.output, value.name),),
    )


def _lowest(op: FakeQuantize) -> int:
    """Low end of the integer type: -127 (narrow range) counts as -128."""
    return op.low if op.low >= 0 else _LOWEST


RULE = Rule(name="declare-range", exact=True, match=match)
