"""Rows and columns exchanged throughout a network: exact.

The chip steps alike along rows and columns. What is left of a larger stride can be taken along the
columns (``stride-of-columns``, ``pool-columns``, ``pool-stride-of-columns``), not along the rows. A
network that needs the latter is computed with all of its maps turned: the host turns the input,
kernels and windows are turned, and what counts elements in order (a Reshape, a matrix product)
reads its operand turned back, which the weights behind it mostly take over.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import LayerOp, Network, Node, Rewrite, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import (
    ArgMax,
    Concat,
    Conv,
    ConvTranspose,
    Elementwise,
    FakeQuantize,
    GraphOp,
    LayerFunction,
    LogSoftmax,
    Multiply,
    Pad,
    PerElement,
    Pooling,
    Reduce,
    Slice,
    Softmax,
    TopK,
    Transpose,
    Unsupported,
    Upsample,
)
from mxdeploy.ops.tail import CpuFunction
from mxdeploy.stages.s2_legalize.graph import Shape

_TURN = (0, 2, 1)
_MAP = len(_TURN)
_PLANE = 2

Windowed = Conv | ConvTranspose | Pooling
AlongAxis = ArgMax | Concat | LogSoftmax | Reduce | Slice | Softmax | TopK
OfElements = LayerFunction | CpuFunction | Elementwise | Multiply | FakeQuantize


def turned(network: Network) -> Network | None:
    """An imported network with rows and columns exchanged.

    None where that does not help: no window goes further along rows than along columns; or an
    operator is not known.
    """
    steep = [n for n in network.nodes if isinstance(n.op, Windowed) and _is_steep(n.op)]
    unknown = any(isinstance(n.op, Unsupported) for n in network.nodes)
    if not steep or unknown or not all(value.shape for value in network.values):
        return None
    return _Turning(network).run(steep)


class _Turning:
    """The state of turning a network; turned values keep their names."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._shapes = {value.name: value.shape for value in network.values}
        self._values: dict[str, Value] = {v.name: _turned_value(v) for v in network.values}
        self._nodes: list[Node] = []
        self._names = {node.name for node in network.nodes}
        self._renamed: dict[str, str] = {}

    def run(self, steep: list[Node]) -> Network:
        """The turned network, with a record of the nodes that asked for it."""
        network = self._network
        for name in network.inputs:
            value = network.value(name)
            self._values[name] = value
            if _is_map(value.shape):
                self._renamed[name] = self._view(name, name, "turned", (value.origin,))
        for node in network.nodes:
            self._turn(node)
        results = {name: self._result(name) for name in network.outputs}
        record = Rewrite(
            rule="turn-maps",
            nodes=tuple(dict.fromkeys(name for node in steep for name in node.origin)),
            text="rows and columns are exchanged in all maps: larger strides go along columns",
            exact=True,
        )
        return replace(
            network,
            values=tuple(self._values.values()),
            nodes=tuple(self._nodes),
            outputs=tuple(results[name] for name in network.outputs),
            results=tuple(replace(r, value=results[r.value]) for r in network.results),
            rewrites=(*network.rewrites, record),
        )

    def _turn(self, node: Node) -> None:
        """Add ``node``, turned; or as it is, with its maps turned back in front and behind."""
        inputs = tuple(self._renamed.get(name, name) for name in node.inputs)
        maps = [_is_map(self._shapes[name]) for name in (*node.inputs, node.output)]
        if not any(maps):
            self._nodes.append(node)
            return
        op = turned_op(node.op) if all(maps) and not isinstance(node.op, LayerOp) else None
        if op is not None:
            self._nodes.append(replace(node, op=op, inputs=inputs))
            return
        inputs = tuple(
            self._as_in_model(name, read, node.origin) if is_map else read
            for name, read, is_map in zip(node.inputs, inputs, maps[:-1], strict=True)
        )
        if not maps[-1]:
            self._nodes.append(replace(node, inputs=inputs))
            return
        plain = self._new_value(node.output, "plain", self._shapes[node.output])
        self._nodes.append(replace(node, inputs=inputs, output=plain))
        self._add_view(plain, node.output, node.origin)

    def _result(self, name: str) -> str:
        """An output as the model has it."""
        producer = self._network.producer(name)
        if producer is None or not _is_map(self._shapes[name]):
            return name
        return self._as_in_model(name, name, producer.origin)

    def _as_in_model(self, name: str, read: str, origin: tuple[str, ...]) -> str:
        """What a node of ``origin`` reads when it wants the map ``name`` as the model has it."""
        return name if name in self._network.inputs else self._view(name, read, "back", origin)

    def _view(self, name: str, read: str, word: str, origin: tuple[str, ...]) -> str:
        """A Transpose of what ``read`` holds of value ``name``; the new value."""
        before = self._values[read].shape
        after = self._new_value(name, word, _turned_shape(before))
        self._add_view(read, after, origin)
        return after

    def _add_view(self, source: str, target: str, origin: tuple[str, ...]) -> None:
        label = self._new_name(f"{target}.view", self._names)
        self._names.add(label)
        self._nodes.append(
            Node(
                name=label,
                op=Transpose(axes=_TURN),
                inputs=(source,),
                output=target,
                origin=origin,
            )
        )

    def _new_value(self, name: str, word: str, shape: Shape) -> str:
        new = self._new_name(f"{name}.{word}", set(self._values))
        self._values[new] = replace(self._network.value(name), name=new, shape=shape)
        return new

    def _new_name(self, wanted: str, taken: set[str]) -> str:
        names = (wanted, *(f"{wanted}_{number}" for number in range(2, len(taken) + 3)))
        return next(name for name in names if name not in taken)


def turned_op(op: GraphOp) -> GraphOp | None:  # noqa: PLR0911 - one per kind
    """``op`` on maps with rows and columns exchanged; None when it counts elements in order."""
    if isinstance(op, Windowed):
        return _turned_window(op) if len(op.strides) == _PLANE else None
    if isinstance(op, AlongAxis):
        return replace(op, axis=_TURN[op.axis])
    if isinstance(op, PerElement):
        return PerElement(scale=_turned_numbers(op.scale), offset=_turned_numbers(op.offset))
    if isinstance(op, OfElements):
        return op
    match op:
        case Upsample():
            return replace(op, factors=op.factors[::-1])
        case Pad():
            begins, ends = op.pads[:_MAP], op.pads[_MAP:]
            return replace(op, pads=(*_turned_shape(begins), *_turned_shape(ends)))
        case Transpose():
            return replace(op, axes=tuple(_TURN[op.axes[axis]] for axis in _TURN))
        case _:
            return None


def _turned_window(op: Windowed) -> Windowed:
    first, last = op.pads[:_PLANE], op.pads[_PLANE:]
    pads = (*first[::-1], *last[::-1])
    strides, dilations = op.strides[::-1], op.dilations[::-1]
    if isinstance(op, Pooling):
        return replace(op, size=op.size[::-1], pads=pads, strides=strides, dilations=dilations)
    weight = Tensor(np.ascontiguousarray(op.weight.array.swapaxes(2, 3)))
    if isinstance(op, Conv):
        return replace(op, weight=weight, pads=pads, strides=strides, dilations=dilations)
    return replace(
        op,
        weight=weight,
        pads=pads,
        strides=strides,
        dilations=dilations,
        output_padding=op.output_padding[::-1],
    )


def _turned_numbers(numbers: Tensor | None) -> Tensor | None:
    return None if numbers is None else Tensor(numbers.array.transpose(_TURN))


def _turned_shape(shape: Shape) -> Shape:
    return tuple(shape[axis] for axis in _TURN)


def _turned_value(value: Value) -> Value:
    return replace(value, shape=_turned_shape(value.shape)) if _is_map(value.shape) else value


def _is_map(shape: Shape) -> bool:
    return len(shape) == _MAP


def _is_steep(op: Windowed) -> bool:
    """Whether windows go further along rows than along columns."""
    return len(op.strides) == _PLANE and op.strides[0] > op.strides[1]
