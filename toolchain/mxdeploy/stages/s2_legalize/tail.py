"""What follows the last layers is split off: it is computed on the CPU.

A node belongs to the tail when it is an operator of the tail (``ops/tail.py``) and no layer reads
what it gives, directly or through others. Operators that a layer might do as well (activations,
factors and offsets, sums, poolings) go there only when they stand behind one that the chip does not
have, or when no layer took them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from enum import Enum, auto

from mxdeploy.ir.network import Network, Node, Rewrite
from mxdeploy.ops.graph import (
    Concat,
    Elementwise,
    LayerFunction,
    Multiply,
    Pooling,
    Reduce,
    Reshape,
)
from mxdeploy.ops.tail import (
    ELEMENTWISE,
    CpuFunction,
    TailChoice,
    TailMove,
    TailOp,
    TailSoftmax,
    TailStep,
)
from mxdeploy.stages.s2_legalize.graph import Graph


class Takes(Enum):
    """What is split off.

    CPU: what the chip does not have or has to pay for; LEFT: also activations and affine functions
    that no layer has taken over; ALL: whatever the CPU can compute.
    """

    CPU = auto()
    LEFT = auto()
    ALL = auto()


_CPU = TailMove | TailChoice | CpuFunction | TailSoftmax | Multiply
"""Operators that the chip does not have at the end of a network, or has to pay for."""


def split_tail(graph: Graph, takes: Takes) -> Graph:
    """Move the end of the network to its tail, as far as ``takes`` says."""
    steps = _steps(graph, takes)
    moved = _moved(graph, steps, takes)
    if not moved:
        return graph
    network = graph.network
    names = {step.output for name in moved for step in steps[name]}
    nodes = tuple(n for n in network.nodes if n.name not in moved)
    tail = (*(s for n in network.nodes if n.name in moved for s in steps[n.name]), *network.tail)
    records = tuple(
        Rewrite(rule="tail", nodes=n.origin, text=f"{n.name} is computed on the CPU", exact=True)
        for n in network.nodes
        if n.name in moved
    )
    outputs = _outputs(network, tail)
    kept = {*network.inputs, *outputs, *(n.output for n in nodes)}
    return graph.with_network(
        replace(
            network,
            nodes=nodes,
            tail=tail,
            outputs=outputs,
            values=tuple(v for v in network.values if v.name in kept or v.name not in names),
            rewrites=(*network.rewrites, *records),
        )
    )


def _outputs(network: Network, tail: tuple[TailStep, ...]) -> tuple[str, ...]:
    """What the host reads: outputs of the model and operands of the tail, by the results' order."""
    steps = {step.output: step for step in tail}
    found: dict[str, None] = {}
    ahead = [result.value for result in reversed(network.results)] or list(network.outputs[::-1])
    while ahead:
        name = ahead.pop()
        if name in steps:
            ahead += reversed(steps[name].inputs)
        else:
            found.setdefault(name)
    return tuple(found)


def _steps(graph: Graph, takes: Takes) -> dict[str, tuple[TailStep, ...]]:
    """Steps of every node, by its name, that only the host would read.

    What reads the network's input itself belongs to the chip, unless no layer took it over.
    """
    found: dict[str, tuple[TailStep, ...]] = {}
    for node in reversed(graph.network.nodes):
        if any(reader.name not in found for reader in graph.readers(node.output)):
            continue
        reads_input = any(name in graph.network.inputs for name in node.inputs)
        if reads_input and takes is not Takes.ALL:
            continue
        steps = _of(graph, node)
        if steps:
            found[node.name] = steps
    return found


def _moved(graph: Graph, steps: dict[str, tuple[TailStep, ...]], takes: Takes) -> set[str]:
    """Names of the nodes that go, in the order in which they are computed."""
    moved: set[str] = set()
    for node in graph.network.nodes:
        behind = any(s is not None and s.name in moved for s in map(graph.producer, node.inputs))
        if node.name in steps and (behind or _goes(graph, node, takes)):
            moved.add(node.name)
    return moved


def _goes(graph: Graph, node: Node, takes: Takes) -> bool:
    """Whether a node that the CPU can compute is left to it, whatever stands in front.

    A layer that does the sum in front of an activation does the activation, too; and a
    concatenation that layers read is none that the host reads.
    """
    if takes is Takes.CPU or isinstance(node.op, _CPU):
        return isinstance(node.op, _CPU)
    source = graph.source(node)
    busy = source is not None and isinstance(source.op, Elementwise | Concat)
    return takes is Takes.ALL or (isinstance(node.op, LayerFunction) and not busy)


def _of(graph: Graph, node: Node) -> tuple[TailStep, ...]:
    """``node`` as steps of the tail; none when the CPU does not do that."""
    op, shape = node.op, graph.shape(node.output)
    if isinstance(op, TailOp):
        if isinstance(op, Elementwise) and op.function not in ELEMENTWISE:
            return ()
        views = _views(graph, node, op)
        inputs = tuple(views[n].output if n in views else n for n in node.inputs)
        step = TailStep(op=op, inputs=inputs, output=node.output, shape=shape, origin=node.name)
        return (*views.values(), step)
    return _pooling(graph, node, op) if isinstance(op, Pooling) else ()


def _views(graph: Graph, node: Node, op: TailOp) -> dict[str, TailStep]:
    """Operands that layers might read where they lie (``read-in-place``), in the shape that counts.

    By the operand's name; those that have it are left out.
    """
    if not isinstance(op, Elementwise | Concat) or (isinstance(op, Concat) and op.axis != 0):
        return {}
    first, *rest = graph.shape(node.output)
    views: dict[str, TailStep] = {}
    for name in node.inputs:
        shape = graph.shape(name)
        count = first if isinstance(op, Elementwise) else math.prod(shape) // math.prod(rest)
        wanted = (count, *rest)
        if shape != wanted:
            views[name] = TailStep(
                op=Reshape(shape=wanted),
                inputs=(name,),
                output=graph.new_name(f"{node.output}.operand{len(views)}"),
                shape=wanted,
                origin=node.name,
            )
    return views


def _pooling(graph: Graph, node: Node, op: Pooling) -> tuple[TailStep, ...]:
    """A pooling over whole axes (reduced one after the other), or over nothing."""
    shape = graph.shape(node.inputs[0])
    if len(shape) != len(op.size) + 1:  # not known, behind an operator that is not known
        return ()
    whole = [axis + 1 for axis, n in enumerate(op.size) if n == shape[axis + 1] > 1]
    windows = [n for axis, n in enumerate(op.size) if axis + 1 not in whole]
    if any(op.pads) or any(n != 1 for n in (*windows, *_strides(op, whole))):
        return ()
    if not whole:
        same = Reshape(shape=shape)
        return (
            TailStep(
                op=same, inputs=node.inputs, output=node.output, shape=shape, origin=node.name
            ),
        )
    function = "mean" if op.average else "max"
    steps: list[TailStep] = []
    source = node.inputs[0]
    for axis in whole:
        shape = (*shape[:axis], 1, *shape[axis + 1 :])
        output = node.output if axis == whole[-1] else f"{node.output}.{axis}"
        reduced = Reduce(function=function, axis=axis)
        steps.append(
            TailStep(op=reduced, inputs=(source,), output=output, shape=shape, origin=node.name)
        )
        source = output
    return tuple(steps)


def _strides(op: Pooling, whole: list[int]) -> tuple[int, ...]:
    """The strides along the axes that are not reduced as a whole."""
    return tuple(n for axis, n in enumerate(op.strides) if axis + 1 not in whole)
