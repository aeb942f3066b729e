"""A recorded accelerator program as a table that the probe firmware plays."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import numpy.typing as npt

END, WRITE_WORDS, WRITE_BYTE, COMPARE, WAIT, QUADRANTS = range(6)
TABLE_OFFSET = 0x1_0000
PCLKDIS0 = 0x4000_0024
GCFR_REG0 = 0x4000_5800
RUNNING_CLOCKS = 0xFFFF_FFFF & ~(1 << 25 | 1 << 15 | 1 << 9 | 1)
"""The accelerator's clock and those the probe itself needs."""

Words = npt.NDArray[np.uint32]
Trace = dict[str, npt.NDArray[np.integer]]


def entry(kind: int, address: int, *words: int) -> Words:
    """One entry of the table with a few words."""
    return _entry(kind, address, np.array(words, np.uint32))


def _entry(kind: int, address: int, words: Words, stride: int = 4) -> Words:
    head = np.array([kind, address, len(words), stride], np.uint32)
    return np.concatenate([head, words.astype(np.uint32)])


def _writes(trace: Trace) -> list[Words]:
    values = trace["writes_val"].astype(np.uint32)
    entries, done = [], 0
    columns = ("run_addr", "run_len", "run_stride", "run_size")
    for address, length, stride, size in zip(*(trace[c].tolist() for c in columns), strict=True):
        words = values[done : done + length]
        done += length
        if address == PCLKDIS0:
            words = np.array([RUNNING_CLOCKS], np.uint32)
        if size == 1:
            entries += [
                _entry(WRITE_BYTE, address + n * stride, words[n : n + 1]) for n in range(length)
            ]
        else:
            entries.append(_entry(WRITE_WORDS, address, words, stride))
    return entries


def _comparisons(trace: Trace) -> list[Words]:
    addresses = trace["expect_addr"].astype(np.int64)
    pairs = np.stack([trace["expect_mask"], trace["expect_val"]], axis=1).astype(np.uint32)
    breaks = np.flatnonzero(np.diff(addresses) != 4) + 1
    bounds = [0, *breaks.tolist(), len(addresses)]
    return [
        _entry(COMPARE, int(addresses[a]), pairs[a:b].ravel())
        for a, b in itertools.pairwise(bounds)
    ]


def _quadrants(trace: Trace) -> int:
    """The quadrants that the program powers (GCFR REG0)."""
    starts = np.cumsum(trace["run_len"].astype(np.int64)) - trace["run_len"]
    return int(trace["writes_val"][starts[trace["run_addr"] == GCFR_REG0]].max())


def replay_table(trace_file: Path) -> tuple[bytes, int]:
    """The table, and how many comparisons it holds."""
    with np.load(trace_file) as file:
        trace = {name: file[name] for name in file.files if name != "meta"}
    used = entry(QUADRANTS, _quadrants(trace))
    wait, end = entry(WAIT, 0), entry(END, 0)
    parts = [used, *_writes(trace), wait, *_comparisons(trace), end]
    return np.concatenate(parts).astype("<u4").tobytes(), len(trace["expect_addr"])


def image_with_table(flash: bytes, table: bytes) -> bytes:
    """Flash content: the program, and the table behind it."""
    return flash[:TABLE_OFFSET] + table
