"""A random network together with its placement, as a value that can be printed and pasted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import layouts
from mxdeploy.ir.plan import BiasSlot, DataOrder, KernelSlot, LayerPlan, Plan, Region
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork, QuantValue
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import LayerSpec

_MASKS = {"processors"}
"""Fields that are printed in hexadecimal."""


class Pasteable:
    """Prints as the Python text that makes it again."""

    def __repr__(self) -> str:
        return source(self)


@dataclass(frozen=True, kw_only=True, repr=False)
class Place(Pasteable):
    """Where a tensor lies: processors, first word in their memories, words left free, order."""

    processors: int
    word: int
    gap: int = 0
    order: DataOrder = DataOrder.HWC

    def region(self, value: QuantValue) -> Region:
        """As a region of the plan."""
        return Region(
            value=value.name,
            processors=self.processors,
            offset_bytes=4 * self.word,
            passes=layouts.expansion(value.shape[0], self.processors),
            order=self.order,
            bits=value.bits,
            gap=self.gap,
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class Layer(Pasteable):
    """One layer and its placement.

    Attributes:
        spec: geometry and arithmetic.
        reads: one value per operand: 0 is the network's input, n what layer n - 1 writes.
        to: where the output goes.
        weight_bits: 8, 4, 2 or 1.
        shift: -15 .. 15.
        kernels: first kernel word.
        bias: quadrant and first byte, or None.
    """

    spec: LayerSpec
    reads: tuple[int, ...]
    to: Place
    weight_bits: int = 8
    shift: int = 0
    kernels: int = 0
    bias: tuple[int, int] | None = None

    def slots(self) -> int:
        """Output slots, dummies included."""
        if self.spec.flatten:
            places = layouts.output_slots(self.spec.out_channels, self.to.processors)
            return int(places.max()) + 1
        passes = layouts.expansion(self.spec.out_channels, self.to.processors)
        return passes * layouts.output_columns(self.to.processors)

    def in_passes(self, processors: int) -> int:
        """Words per pixel of an input on ``processors``; flatten: of all pixels."""
        rows, columns = self.spec.in_size if self.spec.flatten else (1, 1)
        return layouts.expansion(self.spec.in_channels, processors) * rows * columns

    def kernel_words(self, processors: int) -> int:
        """Kernel words of an input on ``processors``."""
        if self.spec.weight_shape is None:
            return 0
        kernels = self.slots() * self.in_passes(processors)
        elements = self.spec.kernel[0] * self.spec.kernel[1]
        return layouts.kernel_words(kernels, elements, self.weight_bits)


@dataclass(frozen=True, kw_only=True, repr=False)
class Case(Pasteable):
    """A network and its placement.

    Attributes:
        shape: channels, rows, columns of the input.
        at: where the input lies.
        layers: in order of execution.
        quadrants: quadrants in use.
        seed: of weights, biases and input data.
    """

    shape: tuple[int, int, int]
    at: Place
    layers: tuple[Layer, ...]
    quadrants: tuple[int, ...]
    seed: int = 0

    @cached_property
    def values(self) -> tuple[QuantValue, ...]:
        """The input and what each layer writes."""
        shapes = [(self.shape, 8)] + [
            (la.spec.out_shape, la.spec.output_bits) for la in self.layers
        ]
        names = ["x", *(f"y{index}" for index in range(len(self.layers)))]
        return tuple(
            QuantValue(name=name, shape=shape, scale=1, bits=bits, origin="", model_shape=shape)
            for name, (shape, bits) in zip(names, shapes, strict=True)
        )

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Where each value lies."""
        places = [self.at, *(layer.to for layer in self.layers)]
        return tuple(p.region(v) for p, v in zip(places, self.values, strict=True))

    def network(self) -> QuantNetwork:
        """With weights drawn from the seed; what no layer reads is an output."""
        random = np.random.default_rng(self.seed)
        read = {number for layer in self.layers for number in layer.reads}
        network = QuantNetwork(
            name="fuzz",
            values=self.values,
            input="x",
            outputs=tuple(
                v.name for number, v in enumerate(self.values) if number and number not in read
            ),
            layers=tuple(self._layer(index, random) for index in range(len(self.layers))),
        )
        network.verify()
        return network

    def _layer(self, index: int, random: np.random.Generator) -> QuantLayer:
        layer = self.layers[index]
        weight = bias = None
        if layer.spec.weight_shape is not None:
            half = 1 << layer.weight_bits - 1
            weight = Tensor(lively(random, layer.spec.weight_shape, -half, half - 1))
            if layer.bias is not None:
                bias = Tensor(lively(random, (layer.spec.out_channels,), -128, 127))
        return QuantLayer(
            name=f"layer{index}",
            spec=layer.spec,
            inputs=tuple(self.values[number].name for number in layer.reads),
            output=self.values[index + 1].name,
            weight=weight,
            weight_bits=layer.weight_bits,
            bias=bias,
            shift=layer.shift,
            origin=(),
        )

    def plan(self) -> Plan:
        """The placement as the mapping would hand it over."""
        network = self.network()
        regions = dict(zip((v.name for v in self.values), self.regions, strict=True))
        plan = Plan(
            network=network,
            layers=tuple(self._layer_plan(index) for index in range(len(self.layers))),
            input=self.regions[0],
            outputs=tuple(regions[name] for name in network.outputs),
            quadrants=self.quadrants,
            cycles=0,
        )
        plan.verify()
        return plan

    def _layer_plan(self, index: int) -> LayerPlan:
        layer, output = self.layers[index], self.regions[index + 1]
        inputs = tuple(self.regions[number] for number in layer.reads)
        kernels = bias = None
        if layer.spec.weight_shape is not None:
            words = layer.kernel_words(inputs[0].processors)
            kernels = KernelSlot(start_word=layer.kernels, words=words)
        if layer.bias is not None:
            quadrant, first = layer.bias
            bias = BiasSlot(quadrant=quadrant, start_byte=first, length_bytes=layer.slots())
        return LayerPlan(
            index=index,
            name=f"layer{index}",
            inputs=inputs,
            output=output,
            in_passes=layer.in_passes(inputs[0].processors),
            out_passes=output.passes,
            kernels=kernels,
            bias=bias,
            cycles=0,
        )

    def data(self) -> NDArray[np.int8]:
        """The input."""
        return lively(np.random.default_rng(self.seed + 1), self.shape, -128, 127)


def lively(
    random: np.random.Generator, shape: tuple[int, ...], low: int, high: int
) -> NDArray[np.int8]:
    """Random integers; one in eight is an extreme."""
    values = random.integers(low, high + 1, size=shape)
    extremes = np.where(random.integers(0, 2, size=shape), low, high)
    return np.where(random.integers(0, 8, size=shape) == 0, extremes, values).astype(np.int8)


def source(value: object, name: str = "") -> str:
    """The Python text of a value made of dataclasses, enumerations, tuples and numbers."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if is_dataclass(value):
        parts = [
            f"{f.name}={source(getattr(value, f.name), f.name)}"
            for f in fields(value)
            if getattr(value, f.name) != f.default
        ]
        return f"{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, tuple):
        return f"({_items(value)})"
    return hex(value) if isinstance(value, int) and name in _MASKS else repr(value)


def _items(values: Iterable[object]) -> str:
    items = [source(value) for value in values]
    return f"{items[0]}," if len(items) == 1 else ", ".join(items)
