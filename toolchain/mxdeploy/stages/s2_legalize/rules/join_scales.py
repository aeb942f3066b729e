"""Parts of a join that declare different scales are multiplied until they agree: exact.

All parts of a join have one scale on the chip. The layer that writes a part gets weights times a
factor, and all that read it have weights divided by it: the integers stay what the model declares.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.joins import is_join, part_slices, weighted_readers
from mxdeploy.stages.s2_legalize.numbers import single
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Concat, read by layers with weights only, of parts that declare different scales."""
    readers = weighted_readers(graph, node) if is_join(node.op) else None
    scales = {name: s for name in node.inputs if (s := _scale(graph, name)) is not None}
    if not readers or len(set(scales.values())) <= 1:
        return None
    fixed = {s for name, s in scales.items() if not _is_free(graph, node, name)}
    if len(fixed) > 1:
        return None
    target = max(fixed or scales.values())
    place, name = next(
        (p, n)
        for p, n in zip(part_slices(graph, node), node.inputs, strict=True)
        if scales.get(n, target) != target
    )
    return _edit(graph, node, name, place, target)


def _scale(graph: Graph, name: str) -> float | None:
    declared = graph.value(name).declared
    return None if declared is None or declared.zero_point else declared.scale


def _is_free(graph: Graph, join: Node, name: str) -> bool:
    """Whether a layer with weights writes ``name``, and only such layers and ``join`` read it."""
    producer = graph.producer(name)
    if producer is None or _weights(producer) is None:
        return False
    return not graph.is_output(name) and all(
        reader is join or (_weights(reader) is not None and len(reader.inputs) == 1)
        for reader in graph.readers(name)
    )


def _weights(node: Node) -> Tensor | None:
    return node.op.weight if isinstance(node.op, LayerOp) else None


def _edit(graph: Graph, join: Node, name: str, place: slice, target: float) -> Edit | None:
    producer, value = graph.producer(name), graph.value(name)
    if producer is None or value.declared is None:
        return None
    factor = target / value.declared.scale
    clip = value.clip and (value.clip[0] * factor, value.clip[1] * factor)
    changed = {producer.name: _times(producer, factor)}
    for reader in graph.readers(name):
        if reader is not join:
            changed[reader.name] = _read_times(
                changed.get(reader.name, reader), slice(None), factor
            )
    for reader in graph.readers(join.output):
        changed[reader.name] = _read_times(changed.get(reader.name, reader), place, factor)
    return Edit(
        text=f"{name} is written times {factor:.4g} and read divided by it: one scale for all "
        f"parts of {join.name}",
        change=tuple(changed.values()),
        values=(replace(value, declared=replace(value.declared, scale=target), clip=clip),),
    )


def _times(node: Node, factor: float) -> Node:
    """The layer with an output ``factor`` times as large."""
    op = node.op
    if not isinstance(op, LayerOp) or op.weight is None:
        raise TypeError(f"{node.name} has no weights")
    bias = op.bias and single(op.bias.array.astype(np.float64) * factor)
    weight = single(op.weight.array.astype(np.float64) * factor)
    return replace(node, op=replace(op, weight=weight, bias=bias))


def _read_times(node: Node, place: slice, factor: float) -> Node:
    """The layer for input channels at ``place`` that are ``factor`` times as large."""
    op = node.op
    if not isinstance(op, LayerOp) or op.weight is None:
        raise TypeError(f"{node.name} has no weights")
    weight = op.weight.array.astype(np.float64)
    weight[:, place] /= factor
    return replace(node, op=replace(op, weight=single(weight)))


RULE = Rule(name="join-scales", exact=True, match=match)
