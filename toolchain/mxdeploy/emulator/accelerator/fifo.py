"""The input FIFOs: four standard ones and the fast one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator.doubts import Doubt, doubt
from mxdeploy.emulator.accelerator.errors import impossible, not_modelled
from mxdeploy.emulator.accelerator.memory import ALL_LANES, Words
from mxdeploy.emulator.accelerator.registers import RegisterFile
from mxdeploy.emulator.accelerator.store import Addresses, Store
from mxdeploy.emulator.accelerator.unmodelled import FIFO_NOT_COUPLED
from mxdeploy.errors import Diagnostic

_MEMORIES_PER_QUADRANT = mem.DATA_MEMORIES // mem.QUADRANTS
FIRST_LANE = 1
FAST = mem.QUADRANTS
"""Number of the fast FIFO's queue, after those of the four standard FIFOs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Which words make up an input frame and where they go.

    Attributes:
        words: words per FIFO.
        queues: FIFOs that deliver, in lock step.
        memories: data memories that receive them.
        split: byte j of a word goes to the first lane of the j-th memory.
    """

    words: int
    queues: tuple[int, ...]
    memories: tuple[int, ...]
    split: bool


def describe_frame(file: RegisterFile, quadrants: tuple[int, ...]) -> Frame | None:
    """The FIFO settings of a start; None when the input lies in data memory.

    Raises:
        NotModelledError: the settings are contradictory or not modelled.
    """
    leader = quadrants[0]
    control = file.get(reg.Ctrl, reg.Ctrl.address(leader))
    if not control.fifo_en:
        return None
    words = file.get(reg.InputFrame, reg.InputFrame.address(leader)).ifrm_reg
    if words == 0:
        raise impossible("input", reg.InputFrame, "ifrm_reg", 0, "a FIFO frame needs words")
    if control.ffifo_en:
        return _fast_frame(control, quadrants, words)
    fifos = file.get(reg.FifoControl, reg.FifoControl.address())
    if not fifos.fifo_cpl:
        raise not_modelled("input", FIFO_NOT_COUPLED, 0)
    enabled = tuple(fifo for fifo in range(mem.QUADRANTS) if fifos.fifo_en >> fifo & 1)
    if not enabled:
        raise impossible("input", reg.FifoControl, "fifo_en", 0, "layer 0 waits for a FIFO")
    memories = tuple(fifo * _MEMORIES_PER_QUADRANT for fifo in enabled)
    return Frame(words=words, queues=enabled, memories=memories, split=False)


def _fast_frame(control: reg.Ctrl, quadrants: tuple[int, ...], words: int) -> Frame:
    if control.qupac:
        memories = tuple(quadrant * _MEMORIES_PER_QUADRANT for quadrant in sorted(quadrants))
        return Frame(words=words, queues=(FAST,), memories=memories, split=False)
    if control.fifogrp:
        return Frame(words=words, queues=(FAST,), memories=(0,), split=False)
    memories = tuple(range(0, mem.DATA_MEMORIES, _MEMORIES_PER_QUADRANT))
    return Frame(words=words, queues=(FAST,), memories=memories, split=True)


def name_of(queue: int) -> str:
    """``FIFO 2``, ``the fast FIFO``."""
    return "the fast FIFO" if queue == FAST else f"FIFO {queue}"


class InputFifos:
    """Words that wait for a frame to become complete. The depth is not limited."""

    def __init__(self) -> None:
        """All empty."""
        self._queues: tuple[list[int], ...] = tuple([] for _ in range(FAST + 1))

    def push(self, queue: int, values: list[int]) -> None:
        """Words in the order of their writes."""
        self._queues[queue].extend(values)

    def clear(self) -> None:
        """Forget all words."""
        for queue in self._queues:
            queue.clear()

    def holds(self, frame: Frame) -> bool:
        """Whether every FIFO has all words of a frame."""
        return all(len(self._queues[queue]) >= frame.words for queue in frame.queues)

    def deliver(self, frame: Frame, word: int, target: Store) -> None:
        """Move a frame into memories, from ``word`` on."""
        starts = np.array(frame.memories, np.intp) * mem.DATA_WORDS + word
        lanes = np.full(len(starts), FIRST_LANE if frame.split else ALL_LANES, np.uint8)
        addresses = Addresses(starts, 1, reg.ReadPointerBase(word=word))
        target.store(addresses, self._take(frame), lanes)

    def shortage(self, frame: Frame) -> str:
        """Which FIFOs lack how many words of a frame; empty when none does."""
        texts = [
            f"{name_of(queue)} is {frame.words - len(self._queues[queue])} words short (it got "
            f"{len(self._queues[queue])} of {frame.words})"
            for queue in frame.queues
            if len(self._queues[queue]) < frame.words
        ]
        return "; ".join(texts)

    def surplus(self, frame: Frame) -> tuple[Diagnostic, ...]:
        """Warns of words that a frame, just delivered, left behind."""
        return tuple(
            doubt(Doubt.FIFO_SURPLUS, "input", f"{name_of(queue)} keeps {len(left)} words")
            for queue in frame.queues
            if (left := self._queues[queue])
        )

    def status(self) -> int:
        """The FIFO_STAT word: words are taken at once, so nothing is ever full."""
        empty = [not queue for queue in self._queues[:FAST]]
        mask = sum(1 << fifo for fifo, is_empty in enumerate(empty) if is_empty)
        fields = dict.fromkeys(reg.FifoStatus.bit_fields(), 0)
        fields |= {"empty": mask, "almost_empty": mask}
        fields |= {"fifos_empty": int(any(empty)), "fifos_almost_empty": int(any(empty))}
        return reg.FifoStatus(**fields).encode()

    def _take(self, frame: Frame) -> Words:
        columns = []
        for queue in frame.queues:
            columns.append(np.array(self._queues[queue][: frame.words], np.uint32))
            del self._queues[queue][: frame.words]
        if frame.split:
            shifts = range(0, 8 * len(frame.memories), 8)
            columns = [(columns[0] >> shift & 0xFF).astype(np.uint32) for shift in shifts]
        elif len(columns) < len(frame.memories):
            columns = columns * len(frame.memories)
        return np.stack(columns, 1)
