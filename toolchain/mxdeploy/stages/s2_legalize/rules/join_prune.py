"""A part of a concatenation that all readers weigh with zeros is left out: exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.joins import is_join, part_slices, weighted_readers
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Concat read by layers with weights only, with a part that has none but zeros."""
    readers = weighted_readers(graph, node) if is_join(node.op) else None
    if not readers:
        return None
    places = part_slices(graph, node)
    used = [p for p in places if any(r.weight[:, p].any() for r in readers)]
    if len(used) in (0, len(places)):
        return None
    value = graph.value(node.output)
    inputs = tuple(n for n, p in zip(node.inputs, places, strict=True) if p in used)
    changed = tuple(
        r.with_weight(np.concatenate([r.weight[:, p] for p in used], axis=1)) for r in readers
    )
    channels = sum(p.stop - p.start for p in used)
    return Edit(
        text=f"{len(inputs)} of {len(places)} parts are needed",
        change=(replace(node, inputs=inputs), *changed),
        values=(replace(value, shape=(channels, *value.shape[1:])),),
    )


RULE = Rule(name="drop-part", exact=True, match=match)
