"""The chip's rules for a single layer's geometry and arithmetic."""

from __future__ import annotations

from collections.abc import Iterator

from mxdeploy.chip.max78000 import limits
from mxdeploy.errors import Diagnostic
from mxdeploy.ir.quantized import QuantLayer
from mxdeploy.ops.constraints import SPEC
from mxdeploy.ops.layer import Activation, Kind
from mxdeploy.stages.s4_map.findings import breaks_rule, over_limit


def layer_findings(layer: QuantLayer) -> tuple[Diagnostic, ...]:
    """Every rule of the chip that ``layer`` breaks by itself, wherever it is placed."""
    return (
        *_constraints(layer),
        *_counters(layer),
        *_kernel(layer),
        *_pool(layer),
        *_flatten(layer),
        *_passthrough(layer),
        *_output(layer),
    )


def _constraints(layer: QuantLayer) -> Iterator[Diagnostic]:
    """What every hardware layer must satisfy: channels, sizes, flattened inputs."""
    for constraint in SPEC:
        found = constraint(layer.spec, ())
        if found is not None:
            yield Diagnostic(
                code=constraint.code,
                where=layer.name,
                what=found,
                why=constraint.text,
                fix=constraint.fix,
            )


def _counters(layer: QuantLayer) -> Iterator[Diagnostic]:
    """Rows and columns are counted before pooling, together with the padding behind it."""
    spread = int(limits.TRANSPOSED_STRIDE) if layer.spec.kind is Kind.CONV_TRANSPOSE2D else 1
    sizes = zip(layer.spec.in_size, layer.spec.pad, strict=True)
    padded = max(spread * n + 2 * pad for n, pad in sizes)
    if padded > limits.MAX_PADDED_DIMENSION and max(layer.spec.in_size) <= limits.MAX_DIMENSION:
        yield over_limit(
            layer.name,
            f"{padded} rows or columns with padding",
            limits.MAX_PADDED_DIMENSION,
            "use a smaller input or less padding",
        )


def _kernel(layer: QuantLayer) -> Iterator[Diagnostic]:
    spec = layer.spec
    legal = {
        Kind.CONV2D: spec.kernel in ((1, 1), (int(limits.CONV2D_KERNEL),) * 2),
        Kind.CONV1D: 1 <= spec.kernel[0] <= int(limits.MAX_CONV1D_KERNEL)
        and spec.kernel[1] == spec.in_size[1] == 1,
        Kind.CONV_TRANSPOSE2D: spec.kernel == (int(limits.CONV2D_KERNEL),) * 2,
        Kind.LINEAR: spec.kernel == (1, 1) and (spec.flatten or spec.in_size == (1, 1)),
        Kind.PASSTHROUGH: spec.kernel == (1, 1),
    }[spec.kind]
    if not legal:
        rule = limits.MAX_CONV1D_KERNEL if spec.kind is Kind.CONV1D else limits.CONV2D_KERNEL
        yield over_limit(
            layer.name,
            f"{spec.kind} with a {spec.kernel[0]}x{spec.kernel[1]} kernel on {spec.in_size[0]} x "
            f"{spec.in_size[1]}",
            rule,
            "use a 3x3 or 1x1 kernel (1-D: up to 9 taps)",
        )
    if any(
        not 0 <= pad <= int(limits.MAX_PAD) or (pad and pad >= size)
        for pad, size in zip(spec.pad, spec.kernel, strict=True)
    ):
        yield over_limit(
            layer.name,
            f"padding {spec.pad[0]}, {spec.pad[1]} with a {spec.kernel[0]}x{spec.kernel[1]} kernel",
            limits.MAX_PAD,
            "use less padding",
        )
    columns = spec.out_size[1] * limits.passes(min(spec.in_channels, int(limits.MAX_CHANNELS)))
    if spec.kernel[1] > 1 and columns > limits.TRAM_ENTRIES:
        yield over_limit(
            layer.name,
            f"{columns} entries of the row cache",
            limits.TRAM_ENTRIES,
            "use a narrower input or fewer channels",
        )


def _pool(layer: QuantLayer) -> Iterator[Diagnostic]:
    pool = layer.spec.pool
    if pool is None:
        return
    if not all(1 <= size <= int(limits.MAX_POOL_SIZE) for size in pool.size):
        yield over_limit(
            layer.name,
            f"pooling window {pool.size[0]}x{pool.size[1]}",
            limits.MAX_POOL_SIZE,
            "pool in two steps",
        )
    if layer.spec.kind is Kind.CONV_TRANSPOSE2D:
        yield breaks_rule(
            layer.name,
            layer.spec.to_text(),
            limits.TRANSPOSED_STRIDE.text,
            "pool in a layer of its own",
        )
    if not 1 <= pool.stride <= int(limits.MAX_POOL_STRIDE):
        yield over_limit(
            layer.name, f"pooling stride {pool.stride}", limits.MAX_POOL_STRIDE, "pool in two steps"
        )


def _flatten(layer: QuantLayer) -> Iterator[Diagnostic]:
    if layer.spec.flatten and layer.spec.pool is not None:
        yield breaks_rule(
            layer.name,
            "pools and flattens",
            "a layer that flattens does not pool",
            "pool in a layer of its own",
        )


def _passthrough(layer: QuantLayer) -> Iterator[Diagnostic]:
    spec = layer.spec
    if spec.kind is not Kind.PASSTHROUGH:
        return
    if spec.activation is not Activation.NONE or layer.shift or spec.pad != (0, 0):
        yield breaks_rule(
            layer.name,
            f"{spec.to_text()}, shift {layer.shift:+d}",
            "a layer without convolution has no activation, shift or padding",
            "move them to the layer before",
        )
    if spec.in_channels != spec.out_channels:
        yield breaks_rule(
            layer.name,
            f"{spec.in_channels} channels in, {spec.out_channels} out",
            "a layer without convolution keeps its channels",
            "use a 1x1 convolution",
        )
    wide = 1 <= spec.in_channels <= int(limits.MAX_CHANNELS) and limits.passes(spec.in_channels) > 1
    if wide and spec.pool is not None and spec.out_size != (1, 1):
        yield breaks_rule(
            layer.name,
            f"pools {spec.in_channels} channels to {spec.out_size[0]} x {spec.out_size[1]} "
            "without a convolution behind it",
            "above 64 channels, pooling without convolution must end in a single pixel",
            "put a convolution behind the pooling",
        )


def _output(layer: QuantLayer) -> Iterator[Diagnostic]:
    spec = layer.spec
    wide = int(limits.WIDE_OUTPUT_BITS)
    if spec.output_bits == wide and (
        spec.activation is not Activation.NONE or spec.kind is Kind.PASSTHROUGH
    ):
        yield breaks_rule(
            layer.name,
            f"{spec.to_text()}",
            limits.WIDE_OUTPUT_BITS.text,
            "leave out the activation, or use an 8-bit output",
        )
    if abs(layer.shift) > limits.MAX_OUTPUT_SHIFT:
        yield over_limit(
            layer.name,
            f"output shift {layer.shift:+d}",
            limits.MAX_OUTPUT_SHIFT,
            "train or quantize the layer with a narrower range of weights",
        )
