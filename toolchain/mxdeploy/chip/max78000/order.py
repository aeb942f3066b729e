"""In which order a layer reads its input and writes its output: may one overwrite the other?

The chip reads and writes side by side. It reads the pooling windows in raster order (without
pooling: the pixels), of each window all passes and operands, and keeps in its row cache what a
kernel still needs; a pixel is read again only where windows overlap. An output pixel is written as
soon as the last pixel of its receptive field has been read: a convolution then writes all passes, a
pass-through may write a pass before it reads the next one. Layers run one after the other. A layer
that flattens reads all of its input before it writes.

Source: published cycle model (reads and writes of a pixel add up, they do not overlap) and recorded
programs, which write over their input when the output begins at least 64 words before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mxdeploy.chip.max78000 import memories as mem

Times = npt.NDArray[np.intp]
NEVER = -1
"""Time of the last read of a word that is not read at all."""
_SPREAD = 2
"""A transposed convolution puts a zero behind each pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The numbers of one layer that decide when it reads and writes which words.

    Times are counted in input passes: pass ``e`` of the window number ``n`` (in raster order) has
    time ``n * passes + e``.

    Attributes:
        size: rows and columns of the stored input; (1, 1) for a layer that flattens.
        passes: words read per pixel and operand (flatten: all words).
        operands: element-wise operands, interleaved word by word.
        chw: four pixels of one channel per word.
        window: rows and columns of the pooling window, (1, 1) without.
        stride: of the pooling windows.
        kernel: rows and columns of the kernel; (length, 1) in one dimension.
        pad: zero rows and columns on each side, as the hardware pads.
        transposed: a transposed convolution.
        passthrough: no convolution.
        out_passes: output passes.
        out_pass_words: from an output pass to the next (32-bit outputs: at least four).
        out_pixel_words: from an output pixel to the next.
        out_words: consecutive words of a pixel and pass: 1, or 4 of a 32-bit output.
    """

    size: tuple[int, int]
    passes: int = 1
    operands: int = 1
    chw: bool = False
    window: tuple[int, int] = (1, 1)
    stride: int = 1
    kernel: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    transposed: bool = False
    passthrough: bool = False
    out_passes: int = 1
    out_pass_words: int = 1
    out_pixel_words: int = 1
    out_words: int = 1

    @property
    def pooled_size(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        (rows, columns), (high, wide) = self.size, self.window
        return (rows - high) // self.stride + 1, (columns - wide) // self.stride + 1

    @property
    def out_size(self) -> tuple[int, int]:
        """Rows and columns of the output."""
        spread = _SPREAD if self.transposed else 1
        rows, columns = (
            spread * size + 2 * pad - kernel + 1
            for size, pad, kernel in zip(self.pooled_size, self.pad, self.kernel, strict=True)
        )
        return rows, columns

    def last_reads(self) -> Times:
        """Time of the last read of each input word, counted from the first one; or ``NEVER``."""
        axes = [
            _last_windows(size, window, self.stride, count)
            for size, window, count in zip(self.size, self.window, self.pooled_size, strict=True)
        ]
        rows, columns = axes[0][:, None], axes[1][None, :]
        read = (rows != NEVER) & (columns != NEVER)
        windows = np.where(read, rows * self.pooled_size[1] + columns, NEVER).reshape(-1)
        if self.chw:
            lanes = mem.PROCESSORS_PER_MEMORY
            missing = -len(windows) % lanes
            windows = np.pad(windows, (0, missing), constant_values=NEVER)
            windows = windows.reshape(-1, lanes).max(axis=1)
        times = windows[:, None] * self.passes + np.arange(self.passes, dtype=np.intp)
        times = np.where(windows[:, None] == NEVER, NEVER, times)
        result: Times = np.repeat(times.reshape(-1), self.operands)
        return result

    def writes(self) -> Times:
        """Time after which each output pixel and pass is written, ``[pixels, passes]``."""
        spread = _SPREAD if self.transposed else 1
        last = []
        for axis in (0, 1):
            place = np.arange(self.out_size[axis], dtype=np.intp)
            newest = (place + self.kernel[axis] - 1 - self.pad[axis]) // spread
            last.append(np.clip(newest, 0, self.pooled_size[axis] - 1))
        windows = (last[0][:, None] * self.pooled_size[1] + last[1]).reshape(-1, 1)
        within = np.full(self.out_passes, self.passes - 1, np.intp)
        if self.passthrough:
            within = np.minimum(np.arange(self.out_passes, dtype=np.intp), self.passes - 1)
        times: Times = windows * self.passes + within
        return times

    def written_words(self) -> Times:
        """Words counted from the first one written, ``[pixels, passes, words]``."""
        pixel = np.arange(self.out_size[0] * self.out_size[1], dtype=np.intp)[:, None, None]
        number = np.arange(self.out_passes, dtype=np.intp)[None, :, None]
        word = np.arange(self.out_words, dtype=np.intp)
        words: Times = pixel * self.out_pixel_words + number * self.out_pass_words + word
        return words


def may_overwrite(traffic: Traffic, in_start_word: int, out_start_word: int) -> bool:
    """Whether no word of the input is read after the output has overwritten it.

    Args:
        traffic: the layer.
        in_start_word: first word of its input (of its first operand) in a data memory.
        out_start_word: first word of its output in the same data memory.
    """
    return _may_overwrite(traffic, out_start_word - in_start_word)


def latest_start(traffic: Traffic) -> int:
    """Words from the input's first one to the output's, up to which overwriting is safe.

    ``may_overwrite`` holds for every start up to this one; for some later ones it may hold as well.
    Negative when the output must begin before the input. Never more than the input's length.
    """
    reads, written, writes = _events(traffic)
    newest = np.maximum.accumulate(reads)
    first_needed = np.searchsorted(newest, writes, side="right")
    limits = (first_needed - 1 - written)[first_needed < len(reads)]
    return min(len(reads), int(limits.min())) if limits.size else len(reads)


@lru_cache(maxsize=64)
def safe_distances(traffic: Traffic) -> tuple[tuple[int, int], ...]:
    """Every distance at which ``may_overwrite`` holds and the two share words, as (first, last).

    Distances are counted in words, from the input's first one to the output's.
    """
    reads, written, writes = _events(traffic)
    lowest = int(written.max())
    safe = np.ones(lowest + len(reads), np.bool_)  # of distance index - lowest
    for time in np.unique(writes):
        needed = reads > time
        for word in np.unique(written[writes == time]):
            safe[lowest - word : lowest - word + len(reads)] &= ~needed
    edges = np.flatnonzero(np.diff(safe, prepend=False, append=False)) - lowest
    return tuple((int(first), int(end) - 1) for first, end in edges.reshape(-1, 2))


@lru_cache(maxsize=1 << 14)
def _may_overwrite(traffic: Traffic, distance: int) -> bool:
    reads, written, writes = _events(traffic)
    words = written + distance
    inside = (words >= 0) & (words < len(reads))
    return not (reads[words[inside]] > writes[inside]).any()


@lru_cache(maxsize=64)
def _events(traffic: Traffic) -> tuple[Times, Times, Times]:
    """Last reads of the input words; words written; and the times after which they are."""
    written = traffic.written_words()
    writes = np.broadcast_to(traffic.writes()[:, :, None], written.shape)
    return traffic.last_reads(), written.reshape(-1), writes.reshape(-1)


def _last_windows(size: int, window: int, stride: int, count: int) -> Times:
    """The last of ``count`` windows that covers each place of a row or column, or ``NEVER``."""
    place = np.arange(size, dtype=np.intp)
    number = np.minimum(place // stride, count - 1)
    found: Times = np.where(place - number * stride < window, number, NEVER)
    return found
