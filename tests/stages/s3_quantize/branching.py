"""Random legalized networks with branches: joins, sums, copies, several readers and outputs."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from mxdeploy.ir.network import LayerOp, Network, Node, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Concat
from mxdeploy.ops.layer import (
    Activation,
    Eltwise,
    EltwiseFunction,
    Kind,
    LayerSpec,
    Pool,
    PoolKind,
)

Shape = tuple[int, int, int]

_STEPS = ("conv", "conv", "conv", "join", "join", "add", "add", "copy", "selection", "enlarge")


class Draft:
    """A network that grows node by node; values are called x, v0, v1 and so on."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.shapes: dict[str, Shape] = {"x": shape}
        self.nodes: list[Node] = []
        self.joins: list[str] = []

    @property
    def plain(self) -> list[str]:
        """Values that anything may read."""
        return [name for name in self.shapes if name not in self.joins]

    def append(self, op: LayerOp | Concat, inputs: tuple[str, ...], shape: Shape) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(
            Node(name=f"n{name}", op=op, inputs=inputs, output=name, origin=(f"o{name}",))
        )
        self.shapes[name] = shape
        return name

    def layer(self, spec: LayerSpec, inputs: tuple[str, ...]) -> str:
        """A layer with random weights that keep the size of the signal."""
        shape = spec.weight_shape
        if shape is None:
            return self.append(LayerOp(spec=spec), inputs, spec.out_shape)
        weight = self.rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)
        bias = self.rng.normal(0, 0.1, shape[0]).astype(np.float32)
        op = LayerOp(spec=spec, weight=Tensor(weight), bias=Tensor(bias))
        return self.append(op, inputs, spec.out_shape)

    def copying(self, spec: LayerSpec, weight: NDArray[np.float32], source: str) -> str:
        op = LayerOp(spec=spec, weight=Tensor(weight))
        return self.append(op, (source,), spec.out_shape)

    def network(self, outputs: tuple[str, ...]) -> Network:
        return Network(
            name="branching",
            values=tuple(Value(name=n, shape=s, origin=n) for n, s in self.shapes.items()),
            inputs=("x",),
            outputs=outputs,
            nodes=tuple(self.nodes),
        )


@st.composite
def branching_networks(draw: st.DrawFn) -> Network:
    """Three to nine steps, then a layer with 32-bit output; some inner values are outputs, too."""
    shape = (draw(st.integers(1, 4)), draw(st.integers(3, 6)), draw(st.integers(3, 6)))
    draft = Draft(shape, draw(st.integers(0, 2**16)))
    for _ in range(draw(st.integers(3, 9))):
        _step(draw, draft)
    inner = [name for name in draft.plain if name != "x"]
    shown = draw(st.lists(st.sampled_from(inner), max_size=3, unique=True)) if inner else []
    source = draw(st.sampled_from(list(draft.shapes)))
    channels, rows, columns = draft.shapes[source]
    wide = LayerSpec(
        kind=Kind.LINEAR, in_channels=channels, in_size=(rows, columns), out_channels=3,
        flatten=True, output_bits=32,
    )  # fmt: skip
    return draft.network((*shown, draft.layer(wide, (source,))))


def _step(draw: st.DrawFn, draft: Draft) -> None:
    match draw(st.sampled_from(_STEPS)):
        case "conv":
            _convolve(draw, draft, (draw(st.sampled_from(list(draft.shapes))),))
        case "join":
            parts = _alike(draw, draft, channels=False)
            shapes = [draft.shapes[name] for name in parts]
            shape = (sum(s[0] for s in shapes), *shapes[0][1:])
            draft.joins.append(draft.append(Concat(axis=0), parts, shape))
        case "add":
            _combine(draw, draft, _alike(draw, draft, channels=True))
        case "copy":
            source = draw(st.sampled_from(draft.plain))
            draft.layer(_spec(Kind.PASSTHROUGH, draft.shapes[source]), (source,))
        case "selection":
            _select(draw, draft, draw(st.sampled_from(list(draft.shapes))))
        case "enlarge":
            source = draw(st.sampled_from(list(draft.shapes)))
            if max(draft.shapes[source][1:]) <= 6:
                enlarge(draft, source)


def _alike(draw: st.DrawFn, draft: Draft, *, channels: bool) -> tuple[str, ...]:
    """Up to three different values of the same rows and columns (and channels)."""
    first = draw(st.sampled_from(draft.plain))
    start = 0 if channels else 1
    others = [
        name
        for name in draft.plain
        if name != first and draft.shapes[name][start:] == draft.shapes[first][start:]
    ]
    if not others:
        return (first,)
    return (first, *draw(st.lists(st.sampled_from(others), max_size=2, unique=True)))


def _convolve(
    draw: st.DrawFn, draft: Draft, inputs: tuple[str, ...], eltwise: Eltwise | None = None
) -> None:
    kernel = draw(st.sampled_from((1, 3)))
    spec = _spec(
        Kind.CONV2D, draft.shapes[inputs[0]], out_channels=draw(st.integers(1, 4)),
        kernel=(kernel, kernel), pad=(kernel // 2, kernel // 2), pool=_pool(draw, draft, inputs[0]),
        activation=draw(st.sampled_from(list(Activation))), eltwise=eltwise, operands=len(inputs),
    )  # fmt: skip
    draft.layer(spec, inputs)


def _combine(draw: st.DrawFn, draft: Draft, inputs: tuple[str, ...]) -> None:
    if len(inputs) == 1:
        inputs *= 2
    function = draw(st.sampled_from((EltwiseFunction.ADD, EltwiseFunction.SUB)))
    eltwise = Eltwise(function=function, pool_first=draw(st.booleans()))
    if draw(st.booleans()):
        _convolve(draw, draft, inputs, eltwise)
        return
    pool = _pool(draw, draft, inputs[0])
    shape = draft.shapes[inputs[0]]
    spec = _spec(Kind.PASSTHROUGH, shape, pool=pool, eltwise=eltwise, operands=len(inputs))
    draft.layer(spec, inputs)


def _pool(draw: st.DrawFn, draft: Draft, name: str) -> Pool | None:
    _, rows, columns = draft.shapes[name]
    if min(rows, columns) < 3 or draw(st.integers(0, 3)):
        return None
    kind = draw(st.sampled_from(list(PoolKind)))
    return Pool(kind=kind, size=(draw(st.integers(1, 2)), 2), stride=draw(st.integers(1, 2)))


def _select(draw: st.DrawFn, draft: Draft, source: str) -> None:
    """Some channels of the source, moved by up to a pixel."""
    shape = draft.shapes[source]
    out = draw(st.integers(1, 4))
    kernel = draw(st.sampled_from((1, 3)))
    spec = _spec(
        Kind.CONV2D, shape, out_channels=out, kernel=(kernel, kernel),
        pad=(kernel // 2, kernel // 2), activation=draw(st.sampled_from(list(Activation))),
    )  # fmt: skip
    weight = np.zeros((out, shape[0], kernel, kernel), np.float32)
    for row in weight:
        row[tuple(int(draft.rng.integers(n)) for n in row.shape)] = 1
    draft.copying(spec, weight, source)


def enlarge(draft: Draft, source: str) -> str:
    """Every row and column twice."""
    channels = draft.shapes[source][0]
    spec = _spec(
        Kind.CONV_TRANSPOSE2D, draft.shapes[source], out_channels=channels, kernel=(3, 3),
        pad=(1, 1),
    )  # fmt: skip
    weight = np.zeros((channels, channels, 3, 3), np.float32)
    for channel in range(channels):
        weight[channel, channel, :2, :2] = 1
    return draft.copying(spec, weight, source)


def _spec(
    kind: Kind, shape: Shape, *, out_channels: int | None = None, **rest: object
) -> LayerSpec:
    return LayerSpec(
        kind=kind, in_channels=shape[0], in_size=shape[1:],
        out_channels=shape[0] if out_channels is None else out_channels, **rest,
    )  # fmt: skip
