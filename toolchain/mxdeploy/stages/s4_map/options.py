"""What a caller may ask of the mapping."""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.ir.objective import Objective
from mxdeploy.ir.plan import DataOrder
from mxdeploy.stages.s4_map.chosen import ChosenPlacement


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOptions:
    """Options of the mapping.

    Attributes:
        input_order: order of the network's input in data memory; None lets the search choose
            (HWC where it fits).
        fifo: let the input come through the FIFOs, even if it fits in data memory.
        streams: let so many layers stream; None: as few as it takes, 0: none.
        objective: what counts most once the network fits.
        search_steps: placements tried by each strategy of the search before it gives up.
        chosen: a placement to be taken as it is, instead of a search.
    """

    input_order: DataOrder | None = None
    fifo: bool = False
    streams: int | None = None
    objective: Objective = Objective.LATENCY
    search_steps: int = 600
    chosen: ChosenPlacement | None = None
