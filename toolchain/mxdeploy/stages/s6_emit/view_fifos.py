"""An input that comes through FIFOs, as the templates see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.ir.plan import DataOrder, Plan
from mxdeploy.ops.stream import stream_layer
from mxdeploy.stages.s6_emit import tables
from mxdeploy.stages.s6_emit.lanes import lanes_of

_BYTE_BITS = 8
_FULL = reg.FifoStatus.bit_fields()["full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FifoView:
    """One FIFO: its write port, and its word as C expressions to be or-ed."""

    port: str
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FifosView:
    """All FIFOs in use, the words of a frame, and where they say that they are full."""

    fifos: tuple[FifoView, ...]
    words: int
    chw: bool
    status: str
    full: str


def fifos_view(plan: Plan) -> FifosView:
    """The FIFOs through which the input comes."""
    chw = plan.input.order is DataOrder.CHW
    channels = plan.network.value(plan.network.input).shape[0]
    groups = lanes_of(plan.input, plan.hardware.value(plan.input.value).shape[0])
    terms = _words_of_four_pixels if chw else _words_of_four_channels
    return FifosView(
        fifos=tuple(
            FifoView(
                port=tables.hex32(reg.FIFO_WRITE[quadrant].address()),
                terms=tuple(terms(group.channels, channels, plan.input_fill)),
            )
            for quadrant, group in zip(plan.input.quadrants, groups, strict=True)
        ),
        words=stream_layer(plan.hardware.layers[0].spec, chw=chw).frame_words,
        chw=chw,
        status=tables.hex32(reg.FifoStatus.address()),
        full=tables.hex32(sum(1 << _FULL.low + q for q in plan.input.quadrants)),
    )


def _words_of_four_channels(lanes: Sequence[int | None], channels: int, fill: int) -> Iterator[str]:
    """The bytes of pixel ``index`` of each channel; those behind the input's are constant."""
    constant = [lane for lane, c in enumerate(lanes) if c is not None and c >= channels]
    if constant:
        yield tables.hex32(sum(_byte(fill) << _BYTE_BITS * lane for lane in constant))
    for lane, channel in enumerate(lanes):
        if channel is not None and channel < channels:
            pixel = f"INPUT({channel}u * CNN_INPUT_PIXELS + index)"
            yield f"(uint32_t)(uint8_t){pixel} << {_BYTE_BITS * lane}u"


def _words_of_four_pixels(lanes: Sequence[int | None], channels: int, fill: int) -> Iterator[str]:
    """The four pixels from ``4 * index`` on of a channel, or a constant."""
    channel = lanes[0]
    if channel is None or channel >= channels:
        yield tables.hex32(_byte(fill) * 0x0101_0101)
    else:
        yield f"four_pixels(input, {channel}u * CNN_INPUT_PIXELS, index)"


def _byte(value: int) -> int:
    return value % (1 << _BYTE_BITS)
