"""Layers that stream, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.plan import DataOrder, Plan
from mxdeploy.ir.quantized import QuantLayer
from mxdeploy.ops.stream import stream_layer


def streaming_sentences(plan: Plan) -> Iterator[str]:
    """How the input comes if not by data memory, which layers stream, and what that changes."""
    if not plan.fifo:
        return
    fifos = ", ".join(map(str, plan.input.quadrants))
    source = f"FIFO{'s' if len(plan.input.quadrants) > 1 else ''} {fifos}"
    if not plan.streams:
        yield f"The input comes through {source}, after the start."
        return
    layers = "Layer 0 streams" if plan.streams == 1 else f"Layers 0 to {plan.streams - 1} stream"
    yield (
        f"{layers}: only some rows of what they read exist at a time, while the host delivers the "
        f"input through {source}. The time of the network is a rough estimate, which includes "
        "that; theirs do not include that they wait."
    )
    yield from _quicker(plan)
    pairs = zip(plan.network.layers, plan.hardware.layers, strict=True)
    for index, (layer, computed) in enumerate(pairs):
        changes = ", ".join(_changes(layer, computed))
        if changes:
            yield f"Layer {index} ({layer.name}) computes the same with {changes}."


def _quicker(plan: Plan) -> Iterator[str]:
    """The other order of the input, where the host would write fewer words."""
    first = plan.hardware.layers[0].spec
    words = stream_layer(first).frame_words * len(plan.input.quadrants)
    fewer = stream_layer(first, chw=True).frame_words * first.in_channels
    possible = first.in_channels <= limits.FIFO_CHW_CHANNELS and first.pool is None
    if plan.input.order is DataOrder.HWC and possible and fewer < words:
        yield (
            f"The host writes {words:,} words; with the option map.input_order = CHW it would "
            f"write {fewer:,}, in a way that is known from simulation only."
        )


def _changes(layer: QuantLayer, computed: QuantLayer) -> Iterator[str]:
    if layer.spec.kernel != computed.spec.kernel:
        yield f"{'x'.join(map(str, computed.spec.kernel))} kernels"
    read = computed.spec.in_channels - layer.spec.in_channels
    if read:
        yield f"{_constants(read)} of its input in place of biases"
    written = computed.spec.out_channels - layer.spec.out_channels
    if written:
        yield f"{_constants(written)} for the next layer"


def _constants(count: int) -> str:
    return "a constant channel" if count == 1 else f"{count} constant channels"
