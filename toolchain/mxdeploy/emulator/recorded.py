"""Computed layers in the form of the recorded ones.

The accelerator's outputs are counted in slots, dummies included; a trace records channels, and
records some layers in the form in which the network has them, not the hardware.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import layouts
from mxdeploy.emulator.accelerator import LayerResult
from mxdeploy.emulator.accelerator.locate import Origin
from mxdeploy.emulator.trace import TraceFile

_DIMENSIONS = 3
_KERNEL_ROWS = 3


def as_recorded(
    trace: TraceFile, layers: Sequence[LayerResult], number: int
) -> NDArray[Any] | None:
    """A layer's output as (channels, rows, columns) of the record; None when not comparable."""
    shape = trace.layers[number].shape
    if number >= len(layers) or len(shape) != _DIMENSIONS:
        return None
    output = layers[number].output
    slots = _slots(trace, number, shape[0])
    meta = _layer_meta(trace, number)
    if slots is None or meta is None:
        return None
    if slots.max() >= len(output):
        return _undo_pass_rows(output, shape)
    chosen = output[slots]
    if chosen.shape == shape:
        return chosen
    return _undo_row_folding(chosen, shape, meta)


def channel_of(trace: TraceFile, origin: Origin) -> int:
    """The channel of an output slot; the slot itself when the record does not say more."""
    meta = _layer_meta(trace, origin.layer)
    slots = None if meta is None else _slots(trace, origin.layer, int(meta.get("out_chan", 0)))
    if slots is None:
        return origin.index
    hits = np.flatnonzero(slots == origin.index)
    return int(hits[0]) if hits.size else origin.index


def _undo_pass_rows(output: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any] | None:
    """Element-wise layers of many passes run as one pass with the passes side by side in a row."""
    passes, rest = divmod(shape[0], len(output))
    if rest or output.size != np.prod(shape):
        return None
    words = output.reshape(len(output), -1, passes)
    return words.transpose(2, 0, 1).reshape(shape)


def _undo_row_folding(
    output: NDArray[Any], shape: tuple[int, ...], meta: Mapping[str, Any]
) -> NDArray[Any] | None:
    """A dilated 1-D layer runs in two dimensions, its taps in the middle column of a 3x3 kernel.

    With three taps the first row of the result does not belong to the output; two taps are those
    of the last two rows.
    """
    dilation, kernel = meta.get("dilation"), meta.get("kernel")
    if not isinstance(kernel, list) or not kernel:
        return None
    if not isinstance(dilation, list) or not dilation or output.shape[2] != dilation[0]:
        return None
    length = shape[1] * shape[2]
    skipped = output.shape[2] if kernel[0] == _KERNEL_ROWS else 0
    flat = output.reshape(len(output), -1)[:, skipped:]
    return flat[:, :length].reshape(shape) if flat.shape[1] >= length else None


def _slots(trace: TraceFile, number: int, channels: int) -> NDArray[np.intp] | None:
    """Index of each recorded channel in the layer's output."""
    meta = _layer_meta(trace, number)
    if meta is None or channels < 1:
        return None
    if meta.get("operator") == "passthrough":
        return np.arange(channels, dtype=np.intp)
    try:
        return layouts.output_slots(channels, int(str(meta["output_processors"]), 0))
    except (KeyError, ValueError):
        return None


def _layer_meta(trace: TraceFile, number: int) -> Mapping[str, Any] | None:
    layers = trace.meta.get("layers")
    if not isinstance(layers, list) or number >= len(layers):
        return None
    meta = layers[number]
    return meta if isinstance(meta, dict) and meta.get("layer") == number else None
