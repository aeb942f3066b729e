"""When layers that stream may work, and how large the rings are in which their inputs circulate.

With streaming the first layers take turns: each computes as soon as the layer before it has written
what its next window needs, so that of the tensors between them only a few rows exist at a time.
The chip knows the turns from counters that a program sets: for each layer, how much must be there
before the first window (``start``), and how much more from one window to the next, inside a row
(``step``) and across the end of a row (``row_step``). Layer 0 counts the words of the input that
have come through the FIFOs, the others the entries that the layer before them has put into its row
cache, padding included.

All numbers are as working programs set them. That ``start`` of a later layer is two more than the
entries which its first window needs is a margin of those programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mxdeploy.chip.max78000.layouts import LANES

START_MARGIN = 2
"""Entries beyond those of the first window, in the start of a layer that is not the first."""
CHW_RING_WORDS = 12
"""Ring of a layer 0 that reads CHW data: what working programs set, whatever the layer."""
RING_SPARE_WORDS = 1
"""Words (for each pass) that working programs leave free behind a ring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLayer:
    """The numbers of one layer that decide when it works.

    Attributes:
        rows: rows of the input.
        columns: columns of the input.
        window: rows and columns of the pooling window, (1, 1) without.
        stride: distance of pooling windows, 1 without.
        pooled_columns: columns after pooling.
        kernel: rows and columns of the kernel.
        pad_columns: zero columns on each side, after pooling.
        passes: input passes.
        chw: the input is in CHW order (layer 0 only).
    """

    rows: int
    columns: int
    window: tuple[int, int] = (1, 1)
    stride: int = 1
    pooled_columns: int
    kernel: tuple[int, int] = (3, 3)
    pad_columns: int = 0
    passes: int = 1
    chw: bool = False

    @property
    def frame_words(self) -> int:
        """Words of the whole input for each FIFO and pass: a pixel each, or four pixels (CHW)."""
        pixels = self.rows * self.columns
        return -(-pixels // LANES) if self.chw else pixels

    @property
    def row_entries(self) -> int:
        """Entries of a row that go through the row cache."""
        return self.pooled_columns + 2 * self.pad_columns

    @property
    def cache_entries(self) -> int:
        """Entries of the row cache that the layer keeps, for each pass: a row of its output."""
        return max(1, self.row_entries - self.kernel[1] + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """When a layer works; everything is counted as the registers count it.

    Attributes:
        start: what must have come before the first window.
        step: how much more inside a row.
        row_step: how much more across the end of a row.
        passes_before: passes of all streaming layers before this one.
        cache_start: first entry of its row cache, behind those of the layers before it.
        ring_words: words in which the input circulates, as working programs compute it for one
            pass; 0 when the input has its full size.
    """

    start: int
    step: int = 0
    row_step: int = 0
    passes_before: int = 0
    cache_start: int = 0
    ring_words: int = 0


def roomy_ring(layer: StreamLayer, cadence: Cadence) -> int:
    """Words of a ring that holds what ``ring_words`` says for each pass.

    Working programs make it no larger for two passes than for one, which is still enough for the
    windows they use; with more passes it would not be.
    """
    return cadence.ring_words * layer.passes


def whole_frame(layer: StreamLayer) -> Cadence:
    """A layer 0 that waits until the FIFOs have filled the data memory with its whole input."""
    return Cadence(start=layer.frame_words * layer.window[0])


def cadences(layers: Sequence[StreamLayer]) -> tuple[Cadence, ...]:
    """When the layers that stream work: the first ones, in order, each of a single operand."""
    found: list[Cadence] = []
    passes = entries = 0
    for index, layer in enumerate(layers):
        before = layers[index - 1] if index else None
        start, step, row_step = _first(layer) if before is None else _later(layer, before)
        found.append(
            Cadence(
                start=start,
                step=step,
                row_step=row_step,
                passes_before=passes,
                cache_start=entries,
                ring_words=_ring(layer, start),
            )
        )
        passes += layer.passes
        entries += layer.cache_entries * layer.passes
    return tuple(found)


def _first(layer: StreamLayer) -> tuple[int, int, int]:
    """Start, step and row step of layer 0, in words of the input."""
    rows, columns = layer.window
    start = ((rows - 1) * layer.columns + columns) * rows
    return start, layer.stride - 1, (rows - 1) * layer.columns


def _later(layer: StreamLayer, before: StreamLayer) -> tuple[int, int, int]:
    """Start, step and row step in entries of the row cache of the layer before."""
    rows, columns = layer.window
    needed_rows = before.kernel[0] - 1 + rows - 1
    start = before.row_entries * needed_rows + before.kernel[1] - 1 + columns + START_MARGIN
    return start, layer.stride, (layer.stride - 1) * before.row_entries + columns


def _ring(layer: StreamLayer, start: int) -> int:
    if layer.chw:
        return CHW_RING_WORDS
    rows, columns = layer.window
    words = start + (rows - 1) * layer.columns + max(layer.stride, columns)
    return -(-words // layer.passes) * layer.passes
