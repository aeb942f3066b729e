"""The parts of a concatenation change places where they need fewer passes so: exact.

Parts share a pass as long as its 64 processors last. The layers that read the join have their
weights in the new order.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mxdeploy.chip.max78000.joining import join_layout, join_passes
from mxdeploy.ir.network import Node
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.joins import (
    can_be_joined,
    is_join,
    part_slices,
    passes_of,
    weighted_readers,
)
from mxdeploy.stages.s2_legalize.rule import Rule

_TRY_ALL = 6
"""Up to so many parts every order is tried: 720 of them."""


def match(graph: Graph, node: Node) -> Edit | None:
    """Concat, read by layers with weights only, with an order that takes fewer passes."""
    if not is_join(node.op) or not can_be_joined(graph, node.inputs):
        return None
    readers = weighted_readers(graph, node)
    passes = passes_of(graph, node.inputs)
    if readers is None or passes == 1:
        return None
    channels = [graph.shape(name)[0] for name in node.inputs]
    order = min(_orders(channels), key=lambda o: _passes(channels, o))
    if _passes(channels, order) >= passes:
        return None
    places = part_slices(graph, node)
    changed = tuple(
        r.with_weight(np.concatenate([r.weight[:, places[i]] for i in order], axis=1))
        for r in readers
    )
    return Edit(
        text=f"in another order the parts take {_passes(channels, order)} passes instead of "
        f"{passes}",
        change=(replace(node, inputs=tuple(node.inputs[i] for i in order)), *changed),
    )


def _passes(channels: list[int], order: tuple[int, ...]) -> int:
    return join_passes(join_layout([channels[i] for i in order]))


def _orders(channels: list[int]) -> Iterator[tuple[int, ...]]:
    """Orders to try, the present one first."""
    present = tuple(range(len(channels)))
    if len(present) <= _TRY_ALL:
        yield from itertools.permutations(present)
        return
    yield present
    yield tuple(sorted(present, key=lambda i: -channels[i]))


RULE = Rule(name="reorder-parts", exact=True, match=match)
