"""A vector that becomes a map is computed as one, by a convolution of one padded pixel: exact.

Decoders begin so: a matrix product, re-shaped to channels, rows and columns. A kernel as large as
the map that is to come, over a single pixel and zeros around it, gives every pixel of the map
weights of its own. A bias that differs from pixel to pixel is the weight of a channel that is
always 1.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Abs, Clip, Concat, Conv, Linear, Relu, Reshape, Transpose
from mxdeploy.stages.s2_legalize.arrange.convolution import is_chip_made, plan_of
from mxdeploy.stages.s2_legalize.blocks import chain_of, positions
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape
from mxdeploy.stages.s2_legalize.joins import only_host_follows
from mxdeploy.stages.s2_legalize.numbers import single
from mxdeploy.stages.s2_legalize.one_tap import plain_conv
from mxdeploy.stages.s2_legalize.rule import Rule

_MAP = 3


def match(graph: Graph, node: Node) -> Edit | None:
    """Reshapes and Transposes that make a map of the result of a Linear, for layers to read."""
    shape = graph.shape(node.output)
    chain = chain_of(graph, node)
    if not chain or len(shape) != _MAP or shape[1] * shape[2] == 1:
        return None
    if any(isinstance(r.op, Reshape | Transpose) for r in graph.readers(node.output)):
        return None
    functions: list[Node] = []
    source = graph.private_source(chain[0])
    while source is not None and isinstance(source.op, Abs | Clip | Relu):
        functions.insert(0, source)
        source = graph.private_source(source)
    if source is None or not isinstance(source.op, Linear) or len(graph.shape(source.output)) != 1:
        return None
    readable = len(graph.shape(source.inputs[0])) == 1 and shape[0] <= limits.MAX_CHANNELS.value
    if not readable or only_host_follows(graph, node.output):
        return None
    edit = _edit(graph, source, source.op, functions, chain)
    after = graph.apply(edit, RULE.name, exact=RULE.exact)
    conv = next(n for n in edit.add if isinstance(n.op, Conv))
    return edit if is_chip_made(conv.op) or plan_of(after, conv) is not None else None


def _edit(
    graph: Graph, matrix: Node, op: Linear, functions: list[Node], chain: tuple[Node, ...]
) -> Edit:
    last = chain[-1]
    shape, features = graph.shape(last.output), op.weight.shape[1]
    rows = positions(graph.shape(chain[0].inputs[0]), chain)
    weight = np.moveaxis(op.weight.array.astype(np.float64)[rows], -1, 0)
    bias = None if op.bias is None else op.bias.array.astype(np.float64)[rows]
    nodes: list[Node] = []
    values: list[Value] = []
    origin = graph.origins(matrix, *chain)
    source = matrix.inputs[0]

    def add(word: str, new: Node, shape: Shape) -> str:
        name = graph.new_name(f"{last.output}.{word}")
        values.append(Value(name=name, shape=shape, origin=last.name))
        label = graph.new_node_name(f"{matrix.name}.{word}")
        nodes.append(replace(new, name=label, output=name))
        return name

    each = None
    if bias is not None and (bias != bias[:, :1, :1]).any():
        one = Linear(
            weight=Tensor(np.zeros((1, features), np.float32)),
            bias=Tensor(np.ones(1, np.float32)),
        )
        name = add("one", replace(matrix, op=one), (1,))
        features += 1
        both = replace(matrix, op=Concat(axis=0), inputs=(source, name))
        source = add("with_one", both, (features,))
        weight = np.concatenate([weight, bias[np.newaxis]])
    elif bias is not None:
        each = single(bias[:, 0, 0])
    pixel = replace(matrix, op=Reshape(shape=(features, 1, 1)), inputs=(source,))
    source = add("pixel", pixel, (features, 1, 1))
    spread = replace(
        last, op=_spread(weight, each), inputs=(source,), origin=origin, output=last.output
    )
    maps = [spread, *functions]
    for number, member in enumerate(maps[:-1]):
        name = add(f"map{number}", replace(member, inputs=(source,)), shape)
        nodes[-1] = replace(nodes[-1], name=member.name)
        source = name
    nodes.append(replace(maps[-1], inputs=(source,), output=last.output))
    return Edit(
        text=f"a map of {list(shape)} is computed from {features} channels of one pixel",
        remove=(matrix, *functions, *chain),
        add=tuple(nodes),
        values=tuple(values),
    )


def _spread(weight: NDArray[np.float64], bias: Tensor | None) -> Conv:
    """The convolution of one pixel that gives ``weight``: (input, output, row, column)."""
    kernel = np.flip(weight.swapaxes(0, 1), axis=(2, 3))
    pads = tuple(n - 1 for n in kernel.shape[2:])
    return replace(plain_conv(kernel, pads), weight=single(kernel), bias=bias)


RULE = Rule(name="matrix-as-map", exact=True, match=match)
