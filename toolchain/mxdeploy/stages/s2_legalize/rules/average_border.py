"""An average that does not count its padding is one that does, corrected at the border: exact.

The chip's averages divide by the size of the window. Where only the first and last row and column
of the result have windows over padding, these are multiplied by the elements of a window and
divided by those that count. A layer cannot treat a row alone, but it can lose one: a copy that is
moved by a row and back again has zeros there. Two convolutions do all of it: one makes moved copies
as further channels, one moves them back and adds them up. For a single pixel it is a factor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from math import prod

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Affine, GraphOp, Pooling
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.one_tap import one_tap, plain_conv
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.sizes import KERNEL_BYTES
from mxdeploy.stages.s2_legalize.windows import Window, reshaped, windows

_SIZE = limits.CONV2D_KERNEL.value
_MOST_WEIGHTS = KERNEL_BYTES // 4
"""Bytes of kernels that the correction may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A copy moved by ``moves`` and back, which counts ``factor`` times."""

    moves: tuple[int, ...]
    factor: float


def match(graph: Graph, node: Node) -> Edit | None:
    """Average pooling with padding that does not count, at most a row at every side."""
    op, axes = node.op, windows(graph, node)
    if axes is None or not isinstance(op, Pooling) or not is_uneven(op, axes):
        return None
    copies = _copies(graph, node, op, axes)
    if copies is None:
        return None
    counting = replace(op, count_include_pad=True, ceil_mode=False)
    counting = reshaped(counting, tuple(_covered(a) for a in axes))
    shape = graph.shape(node.output)
    first, average = graph.beside(node, "even", counting, node.inputs, shape)
    if len(copies) == 1:
        factor = Tensor(np.array(copies[0].factor, np.float32))
        scaled = Affine(scale=factor, offset=Tensor(np.zeros((), np.float32)))
        return Edit(
            text=f"counts its padding, and the result is multiplied by {copies[0].factor:g}",
            remove=(node,),
            add=(first, replace(node, op=scaled, inputs=(average.name,))),
            values=(average,),
        )
    out, back = _convolutions(copies, shape[0])
    move, moved = graph.beside(
        node, "move", out, (average.name,), (shape[0] * len(copies), *shape[1:])
    )
    return Edit(
        text=f"counts its padding; {len(copies)} moved copies of the result, weighted and added "
        "up, correct the border",
        remove=(node,),
        add=(first, move, replace(node, op=back, inputs=(moved.name,))),
        values=(average, moved),
    )


def is_uneven(op: Pooling, axes: tuple[Window, ...]) -> bool:
    """Whether windows of an average count different numbers of elements."""
    if not op.average:
        return False
    if op.count_include_pad:  # what stands out with ceil_mode is no padding
        return op.ceil_mode and any(a.reach > a.begin + a.length + a.end for a in axes)
    return any(op.pads) and not op.ceil_mode


def ratios(op: Pooling, axis: Window) -> tuple[float, ...]:
    """Elements of a window over those that count, for every window along ``axis``."""
    begin, end = (axis.begin, axis.end) if op.count_include_pad else (0, 0)
    return tuple(axis.size / axis.counted(i, begin, end) for i in range(axis.outputs))


def _covered(axis: Window) -> Window:
    """``axis`` with padding wherever its windows reach."""
    return replace(axis, end=max(axis.reach - axis.begin - axis.length, 0))


def _copies(
    graph: Graph, node: Node, op: Pooling, axes: tuple[Window, ...]
) -> tuple[Copy, ...] | None:
    """The copies whose weighted sum corrects the border; None when two convolutions cannot."""
    terms = [_axis_terms(ratios(op, a)) for a in axes]
    found = [t for t in terms if t is not None]
    channels = graph.shape(node.output)[0]
    count = prod(len(t) for t in found)
    weights = 2 * channels * channels * count * _SIZE ** len(axes)
    if len(found) < len(terms):
        return None
    if count > 1 and (channels * count > limits.MAX_CHANNELS.value or weights > _MOST_WEIGHTS):
        return None
    return tuple(
        Copy(moves=tuple(m for m, _ in choice), factor=prod(f for _, f in choice))
        for choice in product(*found)
    )


def _axis_terms(rates: tuple[float, ...]) -> tuple[tuple[int, float], ...] | None:
    """Moves and factors along an axis; None when more than its ends differ.

    With ``without_first = v - first`` the corrected ``v + a first + b last`` is
    ``(1 + a + b) v - a without_first - b without_last``.
    """
    if len(rates) == 1:
        return ((0, rates[0]),)
    if any(rate != 1 for rate in rates[1:-1]):
        return None
    first, last = rates[0] - 1, rates[-1] - 1
    terms = [(0, 1 + first + last), (1, -first), (-1, -last)]
    return tuple((move, factor) for move, factor in terms if factor)


def _convolutions(copies: tuple[Copy, ...], channels: int) -> tuple[GraphOp, GraphOp]:
    """Moved copies as further channels, and their sum after moving back."""
    axes = len(copies[0].moves)
    size, pads = (_SIZE,) * axes, (1,) * axes
    there = [one_tap(channels, size, tuple(1 + m for m in c.moves)) for c in copies]
    back = [c.factor * one_tap(channels, size, tuple(1 - m for m in c.moves)) for c in copies]
    return (
        plain_conv(np.concatenate(there, axis=0), pads),
        plain_conv(np.concatenate(back, axis=1), pads),
    )


RULE = Rule(name="correct-average-border", exact=True, match=match)
