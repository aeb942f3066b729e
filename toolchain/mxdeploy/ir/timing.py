"""How long placed layers and networks take, as estimated from their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from mxdeploy.chip.max78000 import latency, layouts, limits
from mxdeploy.chip.max78000.stream_latency import stream_time, word_cycles
from mxdeploy.chip.max78000.streaming import cadences
from mxdeploy.ir.plan import DataOrder, LayerPlan, Region
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ops.layer import Kind, LayerSpec
from mxdeploy.ops.stream import stream_layer, stream_shape


def network_cycles(network: QuantNetwork, layers: Sequence[LayerPlan], source: Region) -> int:
    """CNN clock cycles of an inference, start included.

    With layers that stream an estimate, which includes the host that delivers the input.

    Args:
        network: as the layers compute it.
        layers: with their own cycles.
        source: where the input lies.
    """
    streams = sum(layer.streams for layer in layers)
    rest = latency.STARTUP_CYCLES + sum(layer.cycles for layer in layers[streams:])
    if not streams:
        return rest
    specs = [layer.spec for layer in network.layers[:streams]]
    chw = source.order is DataOrder.CHW
    shapes = [stream_layer(spec, chw=chw and i == 0) for i, spec in enumerate(specs)]
    turns = zip(specs, cadences(shapes), layers, strict=False)
    time = stream_time(
        [stream_shape(spec, cadence, layer.cycles) for spec, cadence, layer in turns],
        words=shapes[0].frame_words,
        input_rows=shapes[0].rows,
        cycles_per_word=word_cycles(len(source.quadrants), fast=False),
    )
    return rest + time.cycles


def layer_shape(spec: LayerSpec, placed: LayerPlan) -> latency.LayerShape:
    """The numbers that decide the cycles of a layer with this geometry at this place."""
    passthrough = spec.kind is Kind.PASSTHROUGH
    rows, columns = (1, 1) if spec.flatten else spec.convolved_size
    return latency.LayerShape(
        passes=placed.in_passes,
        operands=spec.operands,
        pool=(1, 1) if spec.pool is None else spec.pool.size,
        pool_first=spec.eltwise is None or spec.eltwise.pool_first,
        rows=rows,
        columns=columns,
        output_columns=spec.out_size[1],
        kernel=spec.kernel,
        pad=spec.pad,
        output_slots=0 if passthrough else _slots(spec, placed),
        time_slots=placed.inputs[0].time_slots,
        kernel_offset=0 if placed.kernels is None else placed.kernels.start_word,
        passthrough=passthrough,
        output_passes=placed.out_passes,
        flatten_enabled=spec.flatten and placed.in_passes > limits.MAX_PASSES,
    )


def _slots(spec: LayerSpec, placed: LayerPlan) -> int:
    """Output slots, those without a channel included."""
    processors = placed.output.processors
    if spec.flatten:
        return int(layouts.output_slots(spec.out_channels, processors).max()) + 1
    return placed.out_passes * layouts.output_columns(processors)
