"""Places a quantized network on the chip: processors, kernel, bias and data memory, passes."""

from __future__ import annotations

from mxdeploy.stages.s4_map.chosen import (
    ChosenLayer,
    ChosenPlacement,
    ChosenTensor,
    placement_of,
)
from mxdeploy.stages.s4_map.mapper import map_network
from mxdeploy.stages.s4_map.options import MapOptions

__all__ = [
    "ChosenLayer",
    "ChosenPlacement",
    "ChosenTensor",
    "MapOptions",
    "map_network",
    "placement_of",
]
