"""A convolution with a single output pixel is a matrix over the flattened map: exact.

Where a kernel covers the whole map, or steps over all of it, and is none that the chip has. Taps
that see padding are left out.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Conv, Linear, Reshape
from mxdeploy.stages.s2_legalize.arrange.chains import chain_edit
from mxdeploy.stages.s2_legalize.arrange.convolution import is_native
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, chip_map
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.sizes import flatten_fits


def match(graph: Graph, node: Node) -> Edit | None:
    """Convolution that the chip does not have, to one pixel."""
    op = node.op
    if not isinstance(op, Conv) or op.groups != 1 or is_native(op):
        return None
    before, after = graph.shape(node.inputs[0]), graph.shape(node.output)
    place = chip_map(before)
    if place is None or len(before) != len(op.strides) + 1 or prod(after[1:]) != 1:
        return None
    channels, rows, columns = place
    outputs, pixels = op.weight.shape[0], rows * columns
    if pixels == 1 or not flatten_fits(channels, pixels, outputs):
        return None
    weight = np.zeros((outputs, *before), np.float32)
    for index in product(*(range(n) for n in op.weight.shape[2:])):
        at = tuple(i * d - p for i, d, p in zip(index, op.dilations, op.pads, strict=False))
        if all(0 <= a < n for a, n in zip(at, before[1:], strict=True)):
            target: Any = (..., *at)
            source: Any = (..., *index)
            weight[target] = op.weight.array[source]
    flat = (channels * pixels,)
    linear = Linear(weight=Tensor(weight.reshape(outputs, -1)), bias=op.bias)
    steps = (
        ("flat", Reshape(shape=flat), flat),
        ("", linear, (outputs,)),
        ("pixel", Reshape(shape=after), after),
    )
    text = f"a single pixel: a matrix over the {channels * pixels} elements of the map"
    return chain_edit(graph, node, steps, text)


RULE = Rule(name="convolution-as-matrix", exact=True, match=match)
