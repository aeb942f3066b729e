"""What is looked at before a message is given to any library: its size, and how it is nested.

A file of a few bytes can describe a graph that fills every memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx

from mxdeploy.errors import ModelError
from mxdeploy.stages.s1_import import findings
from mxdeploy.stages.s1_import.names import printable

MAX_NODES = 5_000
"""Most nodes of a model, functions expanded."""

MAX_DEPTH = 50
"""Most functions that call one another in a chain."""

_Key = tuple[str, str, str]
"""Domain, name and overload of a function."""


def check_extent(model: onnx.ModelProto, name: str) -> None:
    """Find what cannot be worked with at all.

    Raises:
        ModelError: too many nodes, functions without end, sparse tensors.
    """
    if _has_sparse_tensors(model):
        raise ModelError(findings.sparse_tensors(name))
    _check_size(model, name)


def _has_sparse_tensors(model: onnx.ModelProto) -> bool:
    """Whether weights are stored as positions and values."""
    found = list(graphs(model))
    attributes = (a for g in found for n in g.node for a in n.attribute)
    functions = (a for f in model.functions for n in f.node for a in n.attribute)
    return any(g.sparse_initializer for g in found) or any(
        a.HasField("sparse_tensor") or a.sparse_tensors for a in (*attributes, *functions)
    )


def nested_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """``nodes`` and all nodes of the graphs in their attributes."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in _subgraphs(attribute):
                yield from nested_nodes(graph.node)


def graphs(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """The graph of the model and all graphs inside it and its functions."""
    yield model.graph
    functions = [n for f in model.functions for n in nested_nodes(f.node)]
    for node in (*nested_nodes(model.graph.node), *functions):
        for attribute in node.attribute:
            yield from _subgraphs(attribute)


def _subgraphs(attribute: onnx.AttributeProto) -> Iterator[onnx.GraphProto]:
    if attribute.HasField("g"):
        yield attribute.g
    yield from attribute.graphs


def _check_size(proto: onnx.ModelProto, model_name: str) -> None:
    """Make sure that putting in all functions ends, and how large the result is."""
    bodies = {(f.domain, f.name, f.overload): f for f in proto.functions}
    sizes: dict[_Key, int] = {}

    def size(nodes: Iterable[onnx.NodeProto], callers: tuple[_Key, ...]) -> int:
        total = 0
        for node in nested_nodes(nodes):
            key = (node.domain, node.op_type, node.overload)
            if key in callers or len(callers) > MAX_DEPTH:
                name = printable(node.op_type)
                raise ModelError(findings.endless_functions(model_name, name))
            if key in bodies and key not in sizes:
                sizes[key] = size(bodies[key].node, (*callers, key))
            total += sizes.get(key, 1)
        return total

    if size(proto.graph.node, ()) > MAX_NODES:
        raise ModelError(findings.too_many_nodes(model_name, MAX_NODES))
