"""A transposed convolution of 1-D data is a 2-D one over a single column: exact.

The chip has it for planes only. Over one column it makes two, of which the kernel's single column
fills the first. Counted row by row they are a sequence twice as long as wanted, and every second
element of it is taken by whoever reads it.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import ConvTranspose, Reshape
from mxdeploy.stages.s2_legalize.arrange.chains import chain_edit
from mxdeploy.stages.s2_legalize.arrange.edits import every
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape
from mxdeploy.stages.s2_legalize.rule import Rule

_STRIDE = limits.TRANSPOSED_STRIDE.value


def match(graph: Graph, node: Node) -> Edit | None:
    """1-D ConvTranspose of one group with stride 2."""
    op = node.op
    if not isinstance(op, ConvTranspose) or op.groups != 1 or op.strides != (_STRIDE,):
        return None
    before, after = graph.shape(node.inputs[0]), graph.shape(node.output)
    if not before or not after:
        return None
    outputs, length = after
    column: Shape = (*before, 1)
    pair: Shape = (outputs, length, _STRIDE)
    line: Shape = (outputs, length * _STRIDE)
    weight = op.weight.array
    plane = replace(
        op,
        weight=Tensor(weight.reshape(*weight.shape, 1)),
        pads=(op.pads[0], 0, op.pads[1], 0),
        strides=(_STRIDE, _STRIDE),
        dilations=(op.dilations[0], 1),
        output_padding=(op.output_padding[0], _STRIDE - 1),
    )
    steps = (
        ("column", Reshape(shape=column), column),
        ("", plane, pair),
        ("line", Reshape(shape=line), line),
        ("every", every(_STRIDE, 1), after),
    )
    text = (
        "1-D: a transposed convolution over one column makes two, and the reader takes every "
        "2nd element"
    )
    return chain_edit(graph, node, steps, text)


RULE = Rule(name="transposed-line", exact=True, match=match)
