"""Several inputs that the model does nothing with but concatenate become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import onnx_ir as ir

from mxdeploy.ir.network import InputPart
from mxdeploy.stages.s1_import.names import printable

Dimensions = list[int | ir.SymbolicDim]


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedInputs:
    """One input in place of several.

    Attributes:
        value: the new input.
        parts: where the inputs lie in it, in the order of the Concat.
        node: name of the Concat that is no longer there.
    """

    value: ir.Value
    parts: tuple[InputPart, ...]
    node: str


def join_inputs(graph: ir.Graph, given: Sequence[ir.Value]) -> JoinedInputs | None:
    """Put one input in place of several and of the Concat that alone reads them, if there is one.

    The new input has their names, joined by ``+``, and the shape that they have one after the
    other. The batch is no axis to join along.

    Args:
        graph: is changed; its only input is then the joined one.
        given: its inputs, those that nobody reads included.

    Returns:
        What was done; None: nothing.
    """
    node = _concat_of([value for value in given if value.uses() or value.is_graph_output()])
    if node is None:
        return None
    values = [value for value in node.inputs if value is not None]
    shapes = [[] if value.shape is None else list(value.shape) for value in values]
    axis = node.attributes.get_int("axis", 0)
    axis += len(shapes[0]) if axis < 0 else 0
    lengths = _lengths(shapes, axis)
    if not lengths or len({value.dtype for value in values}) > 1:
        return None
    whole = [_batch(shapes), *shapes[0][1:axis], sum(lengths), *shapes[0][axis + 1 :]]
    name = "+".join(value.name or "" for value in values)
    joined = ir.Value(name=name, shape=ir.Shape(whole), type=values[0].type)
    ir.convenience.replace_all_uses_with(node.outputs[0], joined)
    graph.remove(node, safe=True)
    graph.inputs[:] = [joined]
    parts = tuple(
        InputPart(
            name=printable(value.name or ""),
            place=given.index(value),
            axis=axis - 1,
            start=stop - length,
            stop=stop,
        )
        for value, length, stop in zip(values, lengths, accumulate(lengths), strict=True)
    )
    return JoinedInputs(value=joined, parts=parts, node=printable(node.name or ""))


def _concat_of(inputs: Sequence[ir.Value]) -> ir.Node | None:
    """The Concat inside the graph that reads every input once, nothing else, and alone."""
    readers = [use.node for value in inputs for use in value.uses()]
    if len(inputs) == 1 or len(readers) != len(inputs) or len(set(readers)) != 1:
        return None
    (node,) = set(readers)
    is_concat = node.domain == "" and node.op_type == "Concat" and set(node.inputs) == set(inputs)
    outside = any(value.is_graph_output() for value in (*inputs, *node.outputs))
    return None if outside or not is_concat else node


def _lengths(shapes: Sequence[Dimensions], axis: int) -> list[int]:
    """Elements of arrays along ``axis``; none when they cannot lie one after the other."""
    rank = len(shapes[0])
    if not 0 < axis < rank or any(len(shape) != rank for shape in shapes):
        return []
    batches = {shape[0] for shape in shapes if isinstance(shape[0], int)}
    others = {tuple(shape[1:axis] + shape[axis + 1 :]) for shape in shapes}
    found = [n for shape in shapes if isinstance(n := shape[axis], int) and n > 0]
    return found if len(found) == len(shapes) and len(others) == 1 >= len(batches) else []


def _batch(shapes: Sequence[Dimensions]) -> int | ir.SymbolicDim:
    """The number that a shape says, or a symbol."""
    return next((shape[0] for shape in shapes if isinstance(shape[0], int)), shapes[0][0])
