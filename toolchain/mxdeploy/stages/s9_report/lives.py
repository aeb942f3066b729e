"""Which tensors are in data memory when, and how full that makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mxdeploy.stages.s9_report.schema import LayerReport, RegionReport


@dataclass(frozen=True, slots=True)
class Life:
    """A tensor in data memory.

    Attributes:
        region: where it lies.
        birth: number of the layer that writes it; -1 for the host's input, and for what layers
            write that stream.
        death: number of the last layer that reads it; the last layer where the host does. Layers
            that stream read until the last of them has ended.
    """

    region: RegionReport
    birth: int
    death: int


def lives(layers: Sequence[LayerReport], outputs: Sequence[str]) -> list[Life]:
    """All tensors, in the order in which they are written."""
    last: dict[str, int] = {}
    regions: dict[str, tuple[RegionReport, int]] = {}
    for layer in layers:
        for region in layer.inputs:
            regions.setdefault(region.value, (region, -1))
            last[region.value] = layer.index
        regions[layer.output.value] = (layer.output, layer.index)
        last.setdefault(layer.output.value, layer.index)
    last |= dict.fromkeys(outputs, len(layers) - 1)
    streams = sum(layer.streams for layer in layers)
    for layer in layers[:streams]:
        regions[layer.output.value] = (layer.output, -1)
        last[layer.inputs[0].value] = streams - 1
    return [Life(region, birth, last[name]) for name, (region, birth) in regions.items()]


def peak_bytes(layers: Sequence[LayerReport], outputs: Sequence[str]) -> int:
    """Most bytes of all data memories that hold tensors during one layer.

    Bytes between interleaved words count as theirs; what a layer writes over its input counts once.
    """
    everything = lives(layers, outputs)
    return max((_bytes_during(everything, step) for step in range(len(layers))), default=0)


def _bytes_during(everything: Sequence[Life], step: int) -> int:
    spans: dict[int, list[tuple[int, int]]] = {}
    for life in everything:
        if life.birth <= step <= life.death:
            for memory in life.region.memories:
                spans.setdefault(memory, []).append(
                    (life.region.offset_bytes, life.region.end_bytes)
                )
    return sum(_covered(found) for found in spans.values())


def _covered(spans: list[tuple[int, int]]) -> int:
    """Bytes in at least one of the spans."""
    total = reached = 0
    for first, end in sorted(spans):
        total += max(0, end - max(first, reached))
        reached = max(reached, end)
    return total
