"""Zeros around a map, or rows and columns cut off, that no convolution takes over: exact.

A 3x3 convolution with one tap copies a map; with padding 2 the copy has two rows and columns more,
with padding 0 two less, and where the tap lies says on which side. Sequences have kernels of two
taps as well, for a single element more or less. It costs a layer for every two rows or columns; an
odd number of them in a plane takes the copies of an unevenly padded convolution.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Pad
from mxdeploy.stages.s2_legalize.arrange.chains import Step as ChainStep
from mxdeploy.stages.s2_legalize.arrange.chains import chain_edit
from mxdeploy.stages.s2_legalize.arrange.convolution import plan_of
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.one_tap import one_tap, plain_conv
from mxdeploy.stages.s2_legalize.rule import Rule

_SIZE = limits.CONV2D_KERNEL.value
_MOST_LAYERS = 8
Step = tuple[int, int, int]
"""Taps, padding, and position of the tap along one axis."""


def match(graph: Graph, node: Node) -> Edit | None:
    """Pad of rows and columns with zeros."""
    op, shape = node.op, graph.shape(node.inputs[0])
    if not isinstance(op, Pad) or op.value or not any(op.pads) or not 1 < len(shape) <= _SIZE:
        return None
    if shape[0] > limits.MAX_CHANNELS.value or op.pads[0] or op.pads[len(shape)]:
        return None
    begins, ends = op.pads[1 : len(shape)], op.pads[len(shape) + 1 :]
    plane = len(shape) == _SIZE
    steps = [_axis_steps(b, e, plane=plane) for b, e in zip(begins, ends, strict=True)]
    found = [s for s in steps if s is not None]
    if len(found) < len(steps):
        return _uneven(graph, node, begins, ends)
    return _edit(graph, node, found)


def _uneven(
    graph: Graph, node: Node, begins: tuple[int, ...], ends: tuple[int, ...]
) -> Edit | None:
    """A convolution with one tap, uneven padding, and a kernel as large as what is cut off."""
    channels = graph.shape(node.output)[0]
    pairs = list(zip(begins, ends, strict=True))
    taps = tuple(max(-b, 0) + max(-e, 0) + 1 for b, e in pairs)
    weight = one_tap(channels, taps, tuple(max(-b, 0) for b in begins))
    conv = replace(
        plain_conv(weight, (0,) * len(pairs)), pads=tuple(max(n, 0) for n in (*begins, *ends))
    )
    new = replace(node, op=conv)
    if plan_of(graph, new) is None:
        return None
    text = "is done by a convolution with one tap and uneven padding"
    return Edit(text=text, remove=(node,), add=(new,))


def _edit(graph: Graph, node: Node, steps: list[tuple[Step, ...]]) -> Edit:
    count = max(len(s) for s in steps)
    still = (_SIZE, 1, 1) if len(steps) > 1 else (1, 0, 0)
    layers = zip(*((*s, *(still,) * (count - len(s))) for s in steps), strict=True)
    channels, *size = graph.shape(node.inputs[0])
    chain: list[ChainStep] = []
    for number, layer in enumerate(layers):
        taps, pads, places = (tuple(s[i] for s in layer) for i in range(3))
        size = [n + 2 * p - k + 1 for n, p, k in zip(size, pads, taps, strict=True)]
        conv = plain_conv(one_tap(channels, taps, places), pads)
        word = str(number) if number < count - 1 else ""
        chain.append((word, conv, (channels, *size)))
    layers_text = "a convolution" if count == 1 else f"{count} convolutions"
    text = f"is done by {layers_text} with one tap"
    return chain_edit(graph, node, chain, text, ranges=False)


def _axis_steps(begin: int, end: int, *, plane: bool) -> tuple[Step, ...] | None:
    """The fewest copies that add ``begin`` and ``end``; None when there are none."""
    sizes = (_SIZE,) if plane else range(2, _SIZE + 1)
    moves: dict[tuple[int, int], Step] = {}
    for taps in sizes:
        for pad, tap in product(range(min(taps, limits.MAX_PAD.value + 1)), range(taps)):
            moves[pad - tap, pad - (taps - 1 - tap)] = (taps, pad, tap)
    reached: dict[tuple[int, int], tuple[Step, ...]] = {(0, 0): ()}
    for _ in range(_MOST_LAYERS):
        if (begin, end) in reached:
            break
        for (b, e), path in list(reached.items()):
            for (db, de), step in moves.items():
                place = (b + db, e + de)
                if _toward(db, begin) and _toward(de, end):
                    reached.setdefault(place, (*path, step))
    return reached.get((begin, end))


def _toward(step: int, wanted: int) -> bool:
    """Whether a step goes the wanted way: what was cut off does not come back."""
    return step * wanted > 0 or step == 0


RULE = Rule(name="pad-layer", exact=True, match=match)
