"""An average over a map too large to be pooled at once is taken by the matrix behind it: exact.

A fully connected layer that reads the whole map, with the weights of the average's reader for every
pixel, divided by the number of pixels, needs no pooling and truncates nothing. It takes the kernel
memory of a matrix for the whole map: this is done when it fits, and when all weights together leave
a quarter of the kernel memories free.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from mxdeploy.ir.network import Node, Value
from mxdeploy.ops import constraints
from mxdeploy.ops.graph import Linear, Pooling, Reshape
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.numbers import single
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.sizes import KERNEL_BYTES, flatten_fits, weight_bytes


def match(graph: Graph, node: Node) -> Edit | None:
    """Linear that alone reads, perhaps re-shaped, the average of a map that takes two steps."""
    op, view = node.op, graph.private_source(node)
    if not isinstance(op, Linear) or view is None:
        return None
    flattened = isinstance(view.op, Reshape)
    pool = graph.private_source(view) if flattened else view
    if pool is None or not isinstance(pool.op, Pooling) or not pool.op.average:
        return None
    shape = graph.shape(pool.inputs[0])
    outputs, channels = op.weight.shape
    if not is_whole(pool.op, shape) or shape[0] != channels:
        return None
    if not constraints.violated(constraints.POOLING, pool.op, shape):
        return None
    pixels = prod(shape[1:])
    extra = (pixels - 1) * channels * outputs
    if not flatten_fits(channels, pixels, outputs) or 4 * (weight_bytes(graph) + extra) > (
        3 * KERNEL_BYTES
    ):
        return None
    flat = Value(
        name=graph.new_name(f"{node.output}.flat"), shape=(channels * pixels,), origin=node.name
    )
    weight = op.weight.array.astype(np.float64).repeat(pixels, axis=1) / pixels
    between = (pool, view) if flattened else (pool,)
    reshape = replace(
        view, op=Reshape(shape=flat.shape), inputs=pool.inputs, output=flat.name,
        origin=graph.origins(*between),
    )  # fmt: skip
    return Edit(
        text=f"the average over {pixels} pixels is taken by the weights of {node.name}",
        remove=(*between, node),
        add=(reshape, replace(node, op=replace(op, weight=single(weight)), inputs=(flat.name,))),
        values=(flat,),
    )


def is_whole(op: Pooling, shape: tuple[int, ...]) -> bool:
    """Whether a pooling's only window is all of a map of ``shape``."""
    return op.size == shape[1:] and not any(op.pads) and set(op.dilations) <= {1}


RULE = Rule(name="average-as-linear", exact=True, match=match, spends_weights=True)
