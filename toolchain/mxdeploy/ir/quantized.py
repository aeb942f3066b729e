"""The integer network: every layer with integer weights, biases and a shift; exact from here on."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from mxdeploy.chip.max78000.limits import DATA_BITS, MAX_OUTPUT_SHIFT
from mxdeploy.ir.measurement import LayerMeasurement
from mxdeploy.ir.network import InputPart, ModelNode, Rewrite
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.head import HeadOp, head_tensors, shape_before
from mxdeploy.ops.layer import LayerSpec
from mxdeploy.ops.tail import Result, TailStep, tail_lines, tail_tensors, verify_tail


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantValue:
    """A tensor on the chip: real value = integer * scale.

    Attributes:
        name: unique in the network.
        shape: (channels, rows, columns); 1-D data (channels, length, 1), vectors (n, 1, 1).
        scale: real value of one integer step.
        bits: 8, or 32 for a raw accumulator.
        origin: ONNX node (or graph input) it came from.
        model_shape: the shape in the legalized network, without the batch dimension.
    """

    name: str
    shape: tuple[int, int, int]
    scale: float
    bits: int
    origin: str
    model_shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerQuality:
    """What quantization did to one layer, measured on the calibration data (None: not measured).

    Attributes:
        sqnr_db: signal to quantization noise of the layer's output, in decibel.
        saturated: share of output elements at the limits of 8 bits.
        bias_saturated: number of biases cut off at 8 bits.
        measurement: what was decided and what it costs; only where it was asked for.
    """

    sqnr_db: float | None
    saturated: float | None
    bias_saturated: int
    measurement: LayerMeasurement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantLayer:
    """One hardware layer in integers.

    ``acc = sum(weight * x) + (bias << 7)``; 8-bit output ``floor(acc * 2**shift / 128 + 0.5)``,
    saturated, then activated; 32-bit output ``acc``.

    Attributes:
        name: of the node it came from.
        spec: geometry and arithmetic.
        inputs: value names, one per operand.
        output: value name.
        weight: int8, shape ``spec.weight_shape``, values within ``weight_bits``; None for
            pass-through.
        weight_bits: 8, 4, 2 or 1.
        bias: int8, shape (out_channels,), in units of 128 accumulator steps; None when absent.
        shift: -15 (right) .. 15 (left), as the chip's scale register takes it (it contains the
            8 - weight_bits of narrow weights).
        origin: ONNX nodes merged into this layer.
        quality: measured effect of quantization.
    """

    name: str
    spec: LayerSpec
    inputs: tuple[str, ...]
    output: str
    weight: Tensor | None
    weight_bits: int
    bias: Tensor | None
    shift: int
    origin: tuple[str, ...]
    quality: LayerQuality | None = None

    def verify(self) -> None:
        """Check operands, weights, biases and shift.

        Raises:
            ValueError: says what does not fit.
        """
        if len(self.inputs) != self.spec.operands:
            raise ValueError(f"{self.name}: {len(self.inputs)} operands")
        if abs(self.shift) > MAX_OUTPUT_SHIFT:
            raise ValueError(f"{self.name}: shift {self.shift}")
        if (self.weight is None) != (self.spec.weight_shape is None):
            raise ValueError(f"{self.name}: {self.spec.kind} and weights {self.weight}")
        if self.weight is not None:
            low, high = -(1 << self.weight_bits - 1), (1 << self.weight_bits - 1) - 1
            weight = self.weight.array
            if weight.shape != self.spec.weight_shape or weight.dtype != np.int8:
                raise ValueError(f"{self.name}: weights are {weight.dtype} {weight.shape}")
            if weight.size and (int(weight.min()) < low or int(weight.max()) > high):
                raise ValueError(f"{self.name}: weights exceed {self.weight_bits} bits")
        if self.bias is not None:
            bias = self.bias.array
            if bias.shape != (self.spec.out_channels,) or bias.dtype != np.int8:
                raise ValueError(f"{self.name}: biases are {bias.dtype} {bias.shape}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Values concatenated along the channels: no layer, only a matter of where they lie.

    Attributes:
        inputs: the parts' value names, in the order of the channels; all of one scale, none a join.
        output: name of the concatenated value.
        origin: ONNX nodes it came from.
    """

    inputs: tuple[str, ...]
    output: str
    origin: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantNetwork:
    """The whole network in integers, in order of execution.

    ``input`` integers are ``clip(round(x / scale), -128, 127)`` of the model's float input x (after
    ``head``). Joins exist as soon as their last part does.
    """

    name: str
    values: tuple[QuantValue, ...]
    input: str
    outputs: tuple[str, ...]
    layers: tuple[QuantLayer, ...]
    joins: tuple[Join, ...] = ()
    head: tuple[HeadOp, ...] = ()
    tail: tuple[TailStep, ...] = ()
    results: tuple[Result, ...] = ()
    parts: tuple[InputPart, ...] = ()
    classes: tuple[str, ...] = ()
    model: tuple[ModelNode, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    source_digest: str = ""

    def value(self, name: str) -> QuantValue:
        """The value called ``name``; KeyError when there is none."""
        for value in self.values:
            if value.name == name:
                return value
        raise KeyError(name)

    @property
    def model_results(self) -> tuple[Result, ...]:
        """The model's outputs, in its order."""
        return self.results or tuple(Result(name=name, value=name) for name in self.outputs)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the model's own input (before ``head``), without the batch dimension."""
        return shape_before(self.head, self.value(self.input).model_shape)

    def join(self, name: str) -> Join | None:
        """The join that makes value ``name``; None for values that are written."""
        return next((join for join in self.joins if join.output == name), None)

    @property
    def digest(self) -> str:
        """SHA-256 over everything that determines the integers, hexadecimal."""
        state = hashlib.sha256(self.to_text().encode())
        for tensor in (*head_tensors(self.head), *tail_tensors(self.tail)):
            state.update(tensor.digest.encode())
        for layer in self.layers:
            for parameter in (layer.weight, layer.bias):
                state.update(parameter.digest.encode() if parameter is not None else b"-")
        return state.hexdigest()

    def verify(self) -> None:
        """Check shapes, widths, ranges and the order of the layers.

        Raises:
            ValueError: names the first layer that does not hold together.
        """
        known = {value.name for value in self.values}
        if len(known) != len(self.values):
            raise ValueError(f"{self.name}: two values share a name")
        shape_before(self.head, self.value(self.input).model_shape)
        written = {self.input}
        for layer in self.layers:
            written |= {j.output for j in self.joins if written.issuperset(j.inputs)}
            missing = [name for name in layer.inputs if name not in written]
            if missing:
                raise ValueError(f"{layer.name}: reads {missing[0]} before it is written")
            if layer.output in written or layer.output not in known:
                raise ValueError(f"{layer.name}: writes {layer.output} wrongly")
            written.add(layer.output)
            layer.verify()
            self._verify_values(layer)
        for join in self.joins:
            self._verify_join(join)
        lost = [name for name in self.outputs if name not in written]
        if lost:
            raise ValueError(f"{self.name}: output {lost[0]} is never written")
        shapes = {name: self.value(name).model_shape for name in self.outputs}
        verify_tail(self.tail, self.results, shapes)

    def _verify_join(self, join: Join) -> None:
        """Check the shapes and scales of the parts."""
        output, parts = self.value(join.output), [self.value(name) for name in join.inputs]
        if any(self.join(part.name) for part in parts):
            raise ValueError(f"{join.output}: a join of joins")
        channels = sum(part.shape[0] for part in parts)
        if {part.shape[1:] for part in parts} != {output.shape[1:]} or channels != output.shape[0]:
            raise ValueError(f"{join.output}: its parts' shapes differ from {output.shape}")
        if {part.scale for part in parts} != {output.scale}:
            raise ValueError(f"{join.output}: its parts have different scales")

    def _verify_values(self, layer: QuantLayer) -> None:
        """Check the values that a layer reads and writes against its geometry."""
        output = self.value(layer.output)
        if output.shape != layer.spec.out_shape:
            raise ValueError(f"{layer.name}: output shape differs from {layer.spec.out_shape}")
        if output.bits != layer.spec.output_bits:
            raise ValueError(f"{layer.name}: output has {output.bits} bits")
        if not (math.isfinite(output.scale) and output.scale > 0):
            raise ValueError(f"{layer.name}: output has scale {output.scale}")
        for name in layer.inputs:
            value = self.value(name)
            if math.prod(value.shape) != math.prod(layer.spec.in_shape):
                raise ValueError(f"{layer.name}: input shape differs from {layer.spec.in_shape}")
            if value.bits != DATA_BITS:
                raise ValueError(f"{layer.name}: reads {value.bits}-bit data")

    def to_text(self) -> str:
        """Stable text, one line per layer."""
        lines = [f"quantized network {self.name}"]
        source = self.value(self.input)
        lines.append(f"  input {source.name} {list(source.shape)} scale {source.scale!r}")
        for layer in self.layers:
            value = self.value(layer.output)
            lines.append(
                f"  {layer.output} {list(value.shape)} scale {value.scale!r} = "
                f"{layer.spec.to_text()}; {layer.weight_bits}-bit weights, shift {layer.shift:+d}"
                f"{', bias' if layer.bias is not None else ''} ({', '.join(layer.inputs)})"
            )
        lines += [f"  {j.output} = join of {', '.join(j.inputs)}" for j in self.joins]
        lines += [f"  head {op}" for op in self.head]
        lines += [f"  output {name}" for name in self.outputs]
        lines += tail_lines(self.tail, self.results)
        return "\n".join(lines) + "\n"
