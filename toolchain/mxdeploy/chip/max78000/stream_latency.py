"""How long layers take that stream: an estimate from how the streaming hardware works.

Streaming layers do not follow each other, they take turns. The host writes the input word by word
to a FIFO; each layer computes a row as soon as the layer before it has written far enough into its
row cache (the start condition is STRM0.strm_isval), and one sequencer serves all of them. So the
time has two bounds: the work of all layers together, and the host that delivers the input.

What this rests on: the work is that of the same layers without streaming (user guide: a stream is
enabled "for one stride (input pooling plus output channel generation)"). The host's time per word
is fitted: 230 ns to poll the FIFO and 280 ns to write it, as published for simulations of this
bus, and 6.25 cycles for the loop around them, which brings the two published measurements of
streaming networks (faceid 14,001 us, cats-dogs 12,481 us, loading included, Arm core) to within
1.5 %. Both are bound by the host, so that they say nothing about the sequencer beyond: it is fast
enough. With other firmware, another core or an input by DMA the host's part changes; take the
result as an estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

POLL_CYCLES = 11.5
"""CNN clock cycles (20 ns) that the Arm core takes to read a FIFO's status: 230 ns."""
STORE_CYCLES = 14.0
"""CNN clock cycles that the Arm core takes to write a word to a FIFO: 280 ns."""
LOOP_CYCLES = 6.25
"""CNN clock cycles for the rest of the loading loop, once for all FIFOs; fitted."""
FAST_STORE_CYCLES = 5.0
"""CNN clock cycles for a word to the fast FIFO (RISC-V core): 100 ns."""
ERROR_SHARE = 0.015
"""The two known measurements are no further from the estimate than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamShape:
    """The numbers of one streaming layer that decide when it may work.

    Attributes:
        cycles: the layer's own work in CNN clock cycles.
        rows: rows after pooling.
        columns: columns after pooling.
        pad: zero rows and columns on each side.
        window_rows: rows of the pooling window.
        stride: distance of pooling windows.
        start: what must have come before the first stride: words of the input (layer 0), or entries
            in the row cache of the layer before (STRM0.strm_isval).
    """

    cycles: int
    rows: int
    columns: int
    pad: tuple[int, int]
    window_rows: int
    stride: int
    start: int

    @property
    def cache_rows(self) -> int:
        """Rows that pass through the row cache."""
        return self.rows + 2 * self.pad[0]

    @property
    def row_entries(self) -> int:
        """Entries of a row in the row cache."""
        return self.columns + 2 * self.pad[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTime:
    """When a group of streaming layers ends.

    Attributes:
        cycles: CNN clock cycles from the start to the last layer's end.
        after_input_cycles: those after the last word of the input.
    """

    cycles: int
    after_input_cycles: int


def word_cycles(fifos: int, *, fast: bool) -> float:
    """CNN clock cycles in which the host delivers a word to each of ``fifos`` FIFOs."""
    if fast:
        return FAST_STORE_CYCLES
    return fifos * (POLL_CYCLES + STORE_CYCLES) + LOOP_CYCLES


def stream_time(
    layers: Sequence[StreamShape], *, words: int, input_rows: int, cycles_per_word: float
) -> StreamTime:
    """Let the layers take turns, row by row.

    Args:
        layers: the streaming layers in order, at least one.
        words: words of the input frame, per FIFO.
        input_rows: rows of the input.
        cycles_per_word: how long the host takes for a word.
    """
    row_words = words / input_rows
    done: list[list[float]] = [[] for _ in layers]
    clock = 0.0
    while any(len(rows) < layer.cache_rows for layer, rows in zip(layers, done, strict=True)):
        ready = []
        for index, layer in enumerate(layers):
            if len(done[index]) == layer.cache_rows:
                continue
            row = len(done[index])
            when = (
                _arrival(layer, row, words, row_words) * cycles_per_word
                if index == 0
                else _enabled(layer, row, layers[index - 1], done[index - 1])
            )
            if when is not None:
                ready.append((when, index))
        # A layer that has its data goes before the ones in front of it: it frees their rings.
        due = [index for when, index in ready if when <= clock]
        begin, chosen = (clock, max(due)) if due else min(ready)
        clock = begin + layers[chosen].cycles / layers[chosen].cache_rows
        done[chosen].append(clock)
    return StreamTime(
        cycles=round(clock), after_input_cycles=round(max(0.0, clock - words * cycles_per_word))
    )


def _arrival(layer: StreamShape, row: int, words: int, row_words: float) -> float:
    """Words of the input that must have come before layer 0 can read a row of its cache."""
    needed = (_data_row(layer, row) * layer.stride + layer.window_rows) * row_words
    return min(max(needed, layer.start), words)


def _enabled(
    layer: StreamShape, row: int, before: StreamShape, finished: Sequence[float]
) -> float | None:
    """When a row may be read from what the layer before writes; None: not yet known."""
    entries = layer.start + _data_row(layer, row) * layer.stride * before.row_entries
    entries += (layer.columns - 1) * layer.stride
    last = min(-(-entries // before.row_entries), before.cache_rows) - 1
    return finished[last] if last < len(finished) else None


def _data_row(layer: StreamShape, cache_row: int) -> int:
    """The row of data that a row of the cache waits for: padding waits for its neighbour."""
    return min(max(cache_row - layer.pad[0], 0), layer.rows - 1)
