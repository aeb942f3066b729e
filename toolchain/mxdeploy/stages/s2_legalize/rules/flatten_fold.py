"""A map of few channels and many pixels is folded for the matrix that flattens it: exact.

The chip reads a flattened map pixel by pixel, up to 64 channels at once, and keeps the weights of a
channel in the memory of one processor. Where that is too much, neighbouring pixels become channels:
a convolution copies the map, moved by one pixel more for each copy, and a pooling takes every n-th
pixel of the copies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node, Value
from mxdeploy.ops.graph import Conv, GraphOp, Linear, Pooling, Reshape
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape, chip_map
from mxdeploy.stages.s2_legalize.numbers import single
from mxdeploy.stages.s2_legalize.one_tap import one_tap, plain_conv
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.sizes import flatten_fits


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Pixels as channels: ``factor`` of them along every axis, ``pad`` zeros in front.

    ``size`` is the map before, ``taps`` the kernel of the copies.
    """

    size: tuple[int, ...]
    factor: int
    taps: int
    pad: int

    @property
    def copies(self) -> int:
        """Copies of every channel."""
        return prod(self.factor for _ in self.size)

    @property
    def copied(self) -> tuple[int, ...]:
        """The map of the copies."""
        return tuple(n + 2 * self.pad - self.taps + 1 for n in self.size)

    @property
    def folded(self) -> tuple[int, ...]:
        """The map of every n-th pixel of the copies."""
        return tuple((n - 1) // self.factor + 1 for n in self.copied)


def match(graph: Graph, node: Node) -> Edit | None:
    """Linear over a flattened map that does not fit, and does when folded once or more."""
    op, view = node.op, graph.source(node)
    if not isinstance(op, Linear) or view is None or not isinstance(view.op, Reshape):
        return None
    place = chip_map(graph.shape(view.inputs[0]))
    if len(graph.shape(node.inputs[0])) != 1 or place is None:
        return None
    channels, rows, columns = place
    outputs = op.weight.shape[0]
    if flatten_fits(channels, rows * columns, outputs):
        return None
    fold = find_fold(channels, rows, columns, outputs)
    return None if fold is None else _edit(graph, node, view, (channels, rows, columns), fold)


def find_fold(channels: int, rows: int, columns: int, outputs: int) -> Fold | None:
    """The smallest fold that fits; for large maps, one that halves both sides."""
    most = limits.MAX_PROCESSORS.value
    pixels = rows * columns
    if pixels <= limits.MAX_DIMENSION.value:
        for factor in range(2, min(most // channels, limits.MAX_CONV1D_KERNEL.value) + 1):
            fold = _sequence(pixels, factor)
            if fold is not None and flatten_fits(channels * factor, prod(fold.folded), outputs):
                return fold
        return None
    half = Fold(size=(rows, columns), factor=2, taps=limits.CONV2D_KERNEL.value, pad=1)
    more, (high, wide) = channels * half.copies, half.folded
    if more > most:
        return None
    done = flatten_fits(more, high * wide, outputs)
    return half if done or find_fold(more, high, wide, outputs) is not None else None


def _sequence(pixels: int, factor: int) -> Fold | None:
    """A fold of all pixels in a row; None where no padding lets the copies see all of them."""
    for pad in range(min(factor, limits.MAX_PAD.value + 1)):
        fold = Fold(size=(pixels,), factor=factor, taps=factor, pad=pad)
        if fold.folded[0] * factor - pad >= pixels:
            return fold
    return None


def _edit(
    graph: Graph, node: Node, view: Node, place: tuple[int, int, int], fold: Fold
) -> Edit | None:
    op, channels = node.op, place[0]
    if not isinstance(op, Linear):
        return None
    more = channels * fold.copies
    shapes: tuple[Shape, ...] = (
        (channels, *fold.size), (more, *fold.copied), (more, *fold.folded),
        (more * prod(fold.folded),),
    )  # fmt: skip
    ones = (1,) * len(fold.size)
    every = Pooling(
        average=False, size=ones, strides=tuple(fold.factor for _ in ones),
        pads=(0,) * (2 * len(ones)), dilations=ones,
    )  # fmt: skip
    steps: tuple[GraphOp, ...] = (
        Reshape(shape=shapes[0]), _copies(channels, fold), every, Reshape(shape=shapes[3])
    )  # fmt: skip
    nodes: list[Node] = []
    values: list[Value] = []
    source = view.inputs[0]
    for word, step, shape in zip(("row", "copies", "folded", "flat"), steps, shapes, strict=True):
        value = Value(name=graph.new_name(f"{node.output}.{word}"), shape=shape, origin=node.name)
        name = graph.new_node_name(f"{node.name}.{word}")
        nodes.append(replace(node, name=name, op=step, inputs=(source,), output=value.name))
        values.append(value)
        source = value.name
    weight = _weights(op.weight.array.astype(np.float64), place, fold)
    last = replace(
        node, op=replace(op, weight=single(weight)), inputs=(source,),
        origin=graph.origins(view, node),
    )  # fmt: skip
    return Edit(
        text=f"{fold.copies} neighbouring pixels become channels: {list(shapes[2])} is flattened",
        remove=(node,),
        add=(*nodes, last),
        values=tuple(values),
    )


def _places(fold: Fold) -> list[tuple[int, ...]]:
    """How far each copy is moved, along each axis."""
    return list(product(range(fold.factor), repeat=len(fold.size)))


def _copies(channels: int, fold: Fold) -> Conv:
    """``out[a, c, y] = in[c, y + a - pad]`` for every copy ``a``; in a plane without the pad."""
    axes = len(fold.size)
    shift = 0 if axes == 1 else fold.pad
    taps = [
        one_tap(channels, (fold.taps,) * axes, tuple(a + shift for a in place))
        for place in _places(fold)
    ]
    return plain_conv(np.concatenate(taps, axis=0), (fold.pad,) * axes)


def _weights(
    weight: NDArray[np.float64], place: tuple[int, int, int], fold: Fold
) -> NDArray[np.float64]:
    """The matrix for the folded map: column (copy, channel, folded pixel)."""
    outputs, axes = len(weight), len(fold.size)
    begin = fold.pad if axes == 1 else 0
    end = [m * fold.factor - begin - n for m, n in zip(fold.folded, fold.size, strict=True)]
    maps = weight.reshape(outputs, place[0], *fold.size)
    padded = np.pad(maps, ((0, 0), (0, 0), *((begin, e) for e in end)))
    copies = []
    for where in _places(fold):
        every = tuple(slice(a, None, fold.factor) for a in where)
        copies.append(padded[(slice(None), slice(None), *every)])
    return np.stack(copies, axis=1).reshape(outputs, -1)


RULE = Rule(name="fold-pixels", exact=True, match=match)
