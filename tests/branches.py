"""Integer networks with branches for tests: sums, joins, copies, several readers and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000.joining import join_layout, join_passes
from mxdeploy.ir.quantized import Join, QuantLayer, QuantNetwork, QuantValue
from mxdeploy.ops.layer import Activation, Eltwise, EltwiseFunction, Kind
from tests.builders import (
    Draft,
    average_pool,
    conv,
    layer_of,
    linear,
    max_pool,
    passthrough,
    value_of,
)


class Branches:
    """Appends layers and joins; values are called x, y0, y1, ... and j0, j1, ..."""

    def __init__(self, shape: tuple[int, int, int], seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.values: dict[str, QuantValue] = {"x": value_of("x", shape, 8)}
        self.layers: list[QuantLayer] = []
        self.joins: list[Join] = []

    def shape(self, name: str) -> tuple[int, int, int]:
        return self.values[name].shape

    def layer(self, source: str, draft: Draft) -> str:
        """A layer that reads one value."""
        return self._append((source,), draft, None)

    def copy(self, source: str) -> str:
        """A pass-through copy."""
        return self.layer(source, passthrough())

    def combine(
        self,
        names: Sequence[str],
        draft: Draft | None = None,
        function: EltwiseFunction = EltwiseFunction.ADD,
        *,
        pool_first: bool = True,
    ) -> str:
        """An element-wise layer, that passes through or feeds the convolution ``draft``."""
        eltwise = Eltwise(function=function, pool_first=pool_first)
        return self._append(tuple(names), draft or passthrough(), eltwise)

    def join(self, *names: str) -> str:
        """Values concatenated along the channels."""
        channels = sum(self.shape(name)[0] for name in names)
        output = f"j{len(self.joins)}"
        self.values[output] = value_of(output, (channels, *self.shape(names[0])[1:]), 8)
        self.joins.append(Join(inputs=names, output=output))
        return output

    def network(self, *outputs: str, name: str = "branches") -> QuantNetwork:
        """The network; the last layer's output is its output unless others are named."""
        network = QuantNetwork(
            name=name,
            values=tuple(self.values.values()),
            input="x",
            outputs=outputs or (self.layers[-1].output,),
            layers=tuple(self.layers),
            joins=tuple(self.joins),
        )
        network.verify()
        return network

    def _append(self, names: tuple[str, ...], draft: Draft, eltwise: Eltwise | None) -> str:
        layer = layer_of(len(self.layers), self.values[names[0]], draft, self.random)
        spec = replace(layer.spec, eltwise=eltwise, operands=len(names))
        layer = replace(layer, spec=spec, inputs=names)
        self.layers.append(layer)
        self.values[layer.output] = value_of(layer.output, spec.out_shape, spec.output_bits)
        return layer.output


def residual(channels: int = 16, size: int = 8) -> QuantNetwork:
    """A block whose input is copied, added to its output, and activated by a 1x1 convolution."""
    graph = Branches((3, size, size))
    start = graph.layer("x", conv(channels, 3, 1, bias=True))
    inner = graph.layer(start, conv(channels, 3, 1, bias=True))
    inner = graph.layer(inner, conv(channels, 3, 1))
    total = graph.combine((graph.copy(start), inner), conv(channels, 1, bias=True))
    return graph.network(graph.layer(total, conv(5, 1)))


def u_net(channels: int = 12, size: int = 8) -> QuantNetwork:
    """A join whose parts share a pass, one of them read by another layer as well."""
    graph = Branches((3, size, size))
    skip = graph.layer("x", conv(channels, 3, 1))
    inner = graph.layer(skip, conv(2 * channels, 3, 1))
    inner = graph.layer(inner, conv(channels + 1, 3, 1))
    return graph.network(graph.layer(graph.join(skip, inner), conv(7, 3, 1, bias=True)))


def wide_join(size: int = 4) -> QuantNetwork:
    """A join of several passes: 70 + 20 + 60 + 30 channels."""
    graph = Branches((3, size, size))
    parts = [graph.layer("x", conv(count, 3, 1)) for count in (70, 20, 60, 30)]
    return graph.network(graph.layer(graph.join(*parts), conv(9, 3, 1, bias=True)))


# --- random networks ----------------------------------------------------------------------------

_CHANNELS = (1, 3, 4, 7, 8, 16, 20, 31, 32, 40, 64, 66, 100)
_STEPS = ("conv", "conv", "conv", "join", "join", "sum", "sum", "copy", "up", "pool")
_MAX_WORDS = 100
"""Kernel words of a layer: a dozen layers fit wherever they lie."""


class _Growth:
    """A network that grows at random and keeps the contract of legalized networks."""

    def __init__(self, draw: st.DrawFn, graph: Branches) -> None:
        self.draw = draw
        self.graph = graph
        self.readers: dict[str, int] = {"x": 0}
        self.closed: set[str] = set()

    def open_values(self, *, joins: bool) -> list[str]:
        names = [name for name in self.readers if name not in self.closed]
        return names if joins else [name for name in names if not name.startswith("j")]

    def pick(self, names: Sequence[str]) -> str:
        return self.draw(st.sampled_from(names))

    def note(self, name: str, *sources: str) -> str:
        self.readers[name] = 0
        for source in sources:
            self.readers[source] += 1
        return name

    def exclusive(self, name: str) -> str:
        """A value that only one reader will have: ``name`` itself while nobody reads it."""
        if name == "x" or self.readers[name]:
            name = self.note(self.graph.copy(name), name)
        self.closed.add(name)
        return name

    def step(self) -> None:
        match self.draw(st.sampled_from(_STEPS)):
            case "conv":
                self.convolve(self.pick(self.open_values(joins=True)))
            case "join":
                self.join()
            case "sum":
                self.sum()
            case "copy":
                source = self.pick(self.open_values(joins=False))
                self.note(self.graph.copy(source), source)
            case "up":
                self.enlarge()
            case "pool":
                self.pool()

    def convolution(self, shape: tuple[int, int, int], passes: int, **rest: object) -> Draft | None:
        kernel = self.draw(st.sampled_from((1, 3)))
        out = self.draw(st.sampled_from(_CHANNELS))
        slots = limits.passes(out) * limits.channels_per_pass(out)
        if slots * passes * kernel**2 > 9 * _MAX_WORDS or min(shape[1:]) < kernel - 2 * (
            kernel // 2
        ):
            return None
        return conv(
            out,
            kernel,
            kernel // 2,
            activation=self.draw(st.sampled_from(list(Activation))),
            bias=self.draw(st.booleans()),
            **rest,
        )

    def convolve(self, source: str) -> None:
        shape = self.graph.shape(source)
        pool = None
        if min(shape[1:]) > 2 and self.draw(st.integers(0, 3)) == 0:
            pool = self.draw(st.sampled_from((max_pool(2), average_pool(2), max_pool(1, 1, 2))))
        draft = self.convolution(shape, -(-shape[0] // 16), pool=pool)
        if draft is not None:
            self.note(self.graph.layer(source, draft), source)

    def enlarge(self) -> None:
        source = self.pick(self.open_values(joins=True))
        shape = self.graph.shape(source)
        if max(shape[1:]) <= 6 and shape[0] <= 64:
            draft = replace(conv(self.pick((4, 8, 12)), 3, 1), kind=Kind.CONV_TRANSPOSE2D)
            self.note(self.graph.layer(source, draft), source)

    def pool(self) -> None:
        source = self.pick(self.open_values(joins=False))
        shape = self.graph.shape(source)
        if shape[0] <= 64 and min(shape[1:]) > 2:
            self.note(self.graph.layer(source, passthrough(max_pool(2))), source)

    def alike(self, *, channels: bool) -> list[str]:
        names = self.open_values(joins=False)
        first = self.pick(names)
        begin = 0 if channels else 1
        wanted = self.graph.shape(first)[begin:]
        others = [n for n in names if n != first and self.graph.shape(n)[begin:] == wanted]
        if not others:
            return [first]
        return [first, *self.draw(st.lists(st.sampled_from(others), max_size=3, unique=True))]

    def join(self) -> None:
        parts = self.alike(channels=False)
        channels = [self.graph.shape(part)[0] for part in parts]
        if len(parts) == 1:
            return
        if join_passes(join_layout(channels)) > 1:
            if max(channels) > 64:
                return
            parts = [self.exclusive(part) for part in parts]
        self.note(self.graph.join(*parts), *parts)

    def sum(self) -> None:
        names = self.alike(channels=True)
        shape = self.graph.shape(names[0])
        function = self.draw(st.sampled_from((EltwiseFunction.ADD, EltwiseFunction.SUB)))
        draft = None
        if shape[0] <= 64 or (shape[0] <= 128 and len(names) == 1):
            draft = self.convolution(shape, limits.passes(shape[0]))
        if len(names) == 1:
            self.readers[names[0]] += 1  # both operands are copies
            names *= 2
        operands = [self.exclusive(name) for name in names]
        self.note(self.graph.combine(operands, draft, function), *operands)


@st.composite
def branching_networks(draw: st.DrawFn, max_steps: int = 9) -> QuantNetwork:
    """Random networks with branches; a fully connected layer ends them, inner values are kept."""
    shape = (draw(st.integers(1, 4)), draw(st.integers(3, 8)), draw(st.integers(3, 8)))
    growth = _Growth(draw, Branches(shape, draw(st.integers(0, 2**16))))
    for _ in range(draw(st.integers(3, max_steps))):
        growth.step()
    last = growth.pick(growth.open_values(joins=True))
    channels, rows, columns = growth.graph.shape(last)
    if rows * columns * -(-channels // 16) <= 256:
        wide = linear(3, flatten=(rows, columns) != (1, 1), output_bits=32)
        growth.note(growth.graph.layer(last, wide), last)
    else:
        growth.note(growth.graph.layer(last, conv(2, 1)), last)
    final = growth.graph.layers[-1].output
    kept = [
        name
        for name in growth.open_values(joins=False)
        if name not in ("x", final)
        and not any(name in j.inputs and _several(growth.graph, j) for j in growth.graph.joins)
    ]
    shown = draw(st.lists(st.sampled_from(kept), max_size=2, unique=True)) if kept else []
    return growth.graph.network(*shown, final)


def _several(graph: Branches, join: Join) -> bool:
    return join_passes(join_layout([graph.shape(name)[0] for name in join.inputs])) > 1


# --- geometry of well-known networks ------------------------------------------------------------


def camvid(size: int = 88) -> QuantNetwork:
    """A U-Net: three joins; at 88x88 a layer's input and output each fill all data memories."""
    relu = {"activation": Activation.RELU, "bias": True}
    graph = Branches((48, size, size))
    top = "x"
    for draft in (conv(64, 1, **relu), conv(64, 1, **relu), conv(32, 1, **relu)):
        top = graph.layer(top, draft)
    skips = [graph.layer(top, conv(8, 3, 1, **relu))]
    for channels in (28, 56):
        skips.append(graph.layer(skips[-1], conv(channels, 3, 1, pool=max_pool(2), **relu)))
    value = graph.layer(skips[-1], conv(112, 3, 1, pool=max_pool(2), **relu))
    for skip, after in zip(reversed(skips), (56, 28, 48), strict=True):
        channels = graph.shape(skip)[0]
        up = replace(conv(channels, 3, 1, bias=True), kind=Kind.CONV_TRANSPOSE2D)
        own = graph.copy(skip) if channels > 32 else skip  # two passes interleave
        joined = graph.join(graph.layer(value, up), own)
        value = graph.layer(joined, conv(after, 3, 1, **relu))
    for draft in (conv(64, 3, 1, **relu), *(conv(64, 1, **relu) for _ in range(4))):
        value = graph.layer(value, draft)
    return graph.network(value, name="camvid")


def detector() -> QuantNetwork:
    """A single-shot detector on 3x74x74 with eight outputs."""
    relu = {"activation": Activation.RELU, "bias": True}
    graph = Branches((3, 74, 74))
    value = graph.layer("x", conv(32, 3, 1, **relu))
    value = graph.layer(value, conv(32, 3, 1, **relu))
    value = graph.layer(value, conv(64, 3, 1, pool=max_pool(2), **relu))
    value = graph.layer(value, conv(64, 3, 1, **relu))
    value = graph.layer(value, conv(64, 3, 1, pool=max_pool(3, 3, 2), **relu))
    for channels in (64, 128, 32):
        value = graph.layer(value, conv(channels, 3, 1, **relu))
    features = [value]
    features.append(graph.layer(value, conv(32, 3, 1, pool=max_pool(2), **relu)))
    value = graph.layer(features[-1], conv(32, 3, 1, pool=max_pool(3, 3, 2), **relu))
    features.append(value)
    value = graph.layer(value, conv(16, 3, 1, **relu))
    features.append(graph.layer(value, conv(16, 3, 1, pool=max_pool(2), **relu)))
    heads = [
        graph.layer(feature, conv(channels, 3, 1, bias=True))
        for channels in (16, 44)
        for feature in features
    ]
    return graph.network(*heads, name="detector")


def resnet8() -> QuantNetwork:
    """The residual network of MLPerf Tiny as it is legalized."""
    relu = {"activation": Activation.RELU, "bias": True}
    graph = Branches((3, 32, 32))
    value = graph.layer("x", conv(16, 3, 1, **relu))
    inner = graph.layer(value, conv(16, 3, 1, **relu))
    inner = graph.layer(inner, conv(16, 3, 1, bias=True))
    value = graph.combine((graph.copy(value), inner), conv(16, 1, **relu))
    for channels in (32, 64):
        short = graph.layer(value, conv(channels, 1, pool=max_pool(1, 1, 2), bias=True))
        inner = graph.layer(value, conv(channels, 3, 1, **relu))
        inner = graph.layer(inner, conv(channels, 3, 1, pool=max_pool(1, 1, 2), bias=True))
        value = graph.combine((short, inner), conv(channels, 1, **relu))
    value = graph.layer(value, passthrough(average_pool(8)))
    return graph.network(graph.layer(value, linear(10, bias=True, output_bits=32)), name="resnet8")
