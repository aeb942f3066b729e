"""Rows and columns that are left out are cut off, or pooled away: exact.

A range of rows and columns is a Pad with negative amounts, for the layer that copies the map. Of
every n-th row and column the first is chosen by what is cut off, the others by a pooling 1x1 with
that stride. Slices of rows and of columns, one behind the other, are one.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node, Value
from mxdeploy.ops import constraints
from mxdeploy.ops.graph import Pad, Pooling, Slice
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.windows import Window, reshaped, zero_padding

_RANKS = (2, 3)


def match(graph: Graph, node: Node) -> Edit | None:
    """Slice of rows or columns that no further Slice alone reads."""
    if not _is_crop(node) or len(graph.shape(node.inputs[0])) not in _RANKS:
        return None
    reader = graph.only_reader(node.output)
    if reader is not None and _is_crop(reader):
        return None
    chain = [node]
    while True:
        source = graph.private_source(chain[0])
        if source is None or not _is_crop(source):
            break
        chain.insert(0, source)
    return _edit(graph, tuple(chain))


def _is_crop(node: Node) -> bool:
    return isinstance(node.op, Slice) and node.op.axis > 0


def _edit(graph: Graph, chain: tuple[Node, ...]) -> Edit | None:
    before, after = graph.shape(chain[0].inputs[0]), graph.value(chain[-1].output)
    if not before or not after.shape:
        return None
    axes = tuple(_window(chain, axis, n, m) for axis, (n, m) in _sizes(before, after.shape))
    pads = zero_padding(axes)
    begins, ends = pads[: len(axes)], pads[len(axes) :]
    size = tuple(a.length + b + e for a, b, e in zip(axes, begins, ends, strict=True))
    last = chain[-1]
    origin = graph.origins(*chain)
    cut = Pad(pads=(0, *begins, 0, *ends), value=0.0)
    source = chain[0].inputs[0]
    text = f"rows and columns are left out: {list(before)} becomes {list(after.shape)}"
    if all(a.stride == 1 for a in axes):
        new = replace(last, op=cut, inputs=(source,), origin=origin)
        return Edit(text=text, remove=chain, add=(new,))
    rest = Value(
        name=graph.new_name(f"{after.name}.cut"), shape=(before[0], *size), origin=last.name
    )
    ones = (1,) * len(axes)
    every = Pooling(average=False, size=ones, strides=ones, pads=(0,) * 2 * len(axes))
    every = reshaped(every, tuple(replace(a, begin=0, end=0) for a in axes))
    if constraints.violated(constraints.POOLING, every, rest.shape):
        return None
    first = replace(
        last,
        name=graph.new_node_name(f"{last.name}.cut"),
        op=cut,
        inputs=(source,),
        output=rest.name,
    )
    second = replace(last, op=every, inputs=(rest.name,), origin=origin)
    return Edit(
        text=text, remove=chain, add=(replace(first, origin=origin), second), values=(rest,)
    )


def _sizes(
    before: tuple[int, ...], after: tuple[int, ...]
) -> tuple[tuple[int, tuple[int, int]], ...]:
    pairs = zip(before[1:], after[1:], strict=True)
    return tuple((axis, pair) for axis, pair in enumerate(pairs, start=1))


def _window(chain: tuple[Node, ...], axis: int, length: int, outputs: int) -> Window:
    """What all Slices of ``chain`` do along ``axis``, as a pooling over single elements."""
    start, step = 0, 1
    for node in chain:
        if isinstance(node.op, Slice) and node.op.axis == axis:
            start, step = start + step * node.op.start, step * node.op.step
    reach = (outputs - 1) * step + 1
    return Window(
        length=length, outputs=outputs, size=1, stride=step, dilation=1, begin=-start,
        end=reach + start - length,
    )  # fmt: skip


RULE = Rule(name="crop", exact=True, match=match)
