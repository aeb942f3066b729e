"""A part that a concatenation contains twice is read once: exact.

The layers that read the join add up the weights for both places.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.joins import is_join, part_slices, weighted_readers
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Concat with equal parts that is read by layers with weights only."""
    if not is_join(node.op) or len(set(node.inputs)) == len(node.inputs):
        return None
    readers = weighted_readers(graph, node)
    if readers is None:
        return None
    parts = tuple(dict.fromkeys(node.inputs))
    places: dict[str, list[slice]] = {name: [] for name in parts}
    for name, place in zip(node.inputs, part_slices(graph, node), strict=True):
        places[name].append(place)
    value = graph.value(node.output)
    channels = sum(graph.shape(name)[0] for name in parts)
    changed = tuple(
        r.with_weight(
            np.concatenate(
                [np.sum([r.weight[:, p] for p in places[name]], axis=0) for name in parts], axis=1
            )
        )
        for r in readers
    )
    return Edit(
        text="a part that stands there twice is read once, with the sum of its weights",
        change=(replace(node, inputs=parts), *changed),
        values=(replace(value, shape=(channels, *value.shape[1:])),),
    )


RULE = Rule(name="merge-repeated-part", exact=True, match=match)
