"""What a layer costs on the chip, before anything is placed."""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.chip.max78000 import latency, layouts, limits
from mxdeploy.ops.layer import Kind, LayerSpec


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cost:
    """Cost of one or several layers; costs are compared by their cycles first.

    Attributes:
        cycles: clock cycles of the accelerator, see ``chip.max78000.latency``.
        words: words of kernel memory on every processor in use, for weights of 8 bits.
        layers: number of layers.
    """

    cycles: int = 0
    words: int = 0
    layers: int = 0

    def __add__(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(
            cycles=self.cycles + other.cycles,
            words=self.words + other.words,
            layers=self.layers + other.layers,
        )


def layer_cost(spec: LayerSpec) -> Cost | None:
    """What a layer with weights, one operand and no flattening costs; None beyond 1024 channels."""
    most = limits.MAX_CHANNELS.value
    if spec.in_channels > most or spec.out_channels > most:
        return None
    passes = limits.passes(spec.in_channels)
    slots = limits.passes(spec.out_channels) * limits.channels_per_pass(spec.out_channels)
    rows, columns = spec.convolved_size
    shape = latency.LayerShape(
        passes=passes,
        pool=(1, 1) if spec.pool is None else spec.pool.size,
        rows=rows,
        columns=columns,
        output_columns=spec.out_size[1],
        kernel=spec.kernel,
        pad=spec.pad,
        output_slots=slots,
    )
    elements = 1 if spec.kind is Kind.LINEAR else spec.kernel[0] * spec.kernel[1]
    return Cost(
        cycles=latency.layer_cycles(shape),
        words=layouts.kernel_words(slots * passes, elements, limits.DATA_BITS.value),
        layers=1,
    )


def data_words(channels: int, size: tuple[int, int]) -> int:
    """Words that a map takes in a data memory, pixel by pixel."""
    return limits.passes(channels) * size[0] * size[1]
