"""The placement file (``map.json``): where everything lies, to be read, edited and built again.

Every build writes one; ``mxdeploy build --map`` takes it in place of a search. What follows from
the network (passes, number of processors, interleaving) does not stand in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mxdeploy.chip.max78000.limits import MAX_STREAMING_LAYERS
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.ir.plan import DataOrder, Plan
from mxdeploy.stages.s4_map import (
    ChosenLayer,
    ChosenPlacement,
    ChosenTensor,
    placement_of,
)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TensorRecord(_Record):
    """First processor (a multiple of four), and first byte in each of its data memories."""

    first_processor: int
    offset_bytes: int


class LayerRecord(_Record):
    """First kernel word on each input processor; quadrant and first byte of the biases."""

    kernel_start_word: int | None = None
    bias_quadrant: int | None = None
    bias_start_byte: int | None = None


class PlacementFile(_Record):
    """Content of ``map.json``.

    Attributes:
        format: version of this file's format.
        network: name of the network it is for.
        input_order: ``HWC`` or ``CHW``.
        fifo: the input comes through the FIFOs.
        streams: how many layers stream, from the first one on (offsets are those of their rings).
        tensors: by name: the network's input, and the output of every layer.
        layers: by name.
    """

    format: Literal[1] = 1
    network: str
    input_order: Literal["HWC", "CHW"]
    fifo: bool = False
    streams: int = Field(default=0, ge=0, le=MAX_STREAMING_LAYERS.value)
    tensors: dict[str, TensorRecord]
    layers: dict[str, LayerRecord] = Field(default_factory=dict)


def placement_bytes(plan: Plan) -> bytes:
    """The placement of ``plan`` as a file."""
    chosen = placement_of(plan)
    document = PlacementFile(
        network=plan.network.name,
        input_order="CHW" if chosen.input_order is DataOrder.CHW else "HWC",
        fifo=chosen.fifo,
        streams=chosen.streams,
        tensors={
            name: TensorRecord(
                first_processor=tensor.first_processor, offset_bytes=tensor.offset_bytes
            )
            for name, tensor in chosen.tensors.items()
        },
        layers={
            name: LayerRecord(
                kernel_start_word=layer.kernel_start_word,
                bias_quadrant=layer.bias_quadrant,
                bias_start_byte=layer.bias_start_byte,
            )
            for name, layer in chosen.layers.items()
        },
    )
    return (document.model_dump_json(indent=2, exclude_none=True) + "\n").encode()


def load_placement(path: Path) -> ChosenPlacement:
    """Read a placement file.

    Raises:
        UsageError: it cannot be read, or is malformed; every fault of it.
    """
    try:
        document = PlacementFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(
            Diagnostic(
                code="MX8070",
                where=str(path),
                what=f"cannot be read: {error.strerror or error}",
                fix="name the map.json of a build, or an edited copy of it",
            )
        ) from error
    except ValidationError as error:
        raise UsageError(
            Diagnostic(
                code="MX8071",
                where=f"{path}: {'.'.join(map(str, fault['loc'])) or 'line 1'}",
                what=fault["msg"],
                fix="compare with the map.json of a build",
            )
            for fault in error.errors()
        ) from error
    return ChosenPlacement(
        input_order=DataOrder(document.input_order),
        fifo=document.fifo,
        streams=document.streams,
        tensors={
            name: ChosenTensor(
                first_processor=tensor.first_processor, offset_bytes=tensor.offset_bytes
            )
            for name, tensor in document.tensors.items()
        },
        layers={
            name: ChosenLayer(
                kernel_start_word=layer.kernel_start_word,
                bias_quadrant=layer.bias_quadrant,
                bias_start_byte=layer.bias_start_byte,
            )
            for name, layer in document.layers.items()
        },
    )
