"""What counts as waiting: the same status again and again does, taking equal bytes does not."""

from __future__ import annotations

from mxdeploy.emulator.board.clock import Clock
from mxdeploy.emulator.board.polling import ENOUGH_READS, Polling

UART0 = 0x4004_2000  # user guide, APB memory map
STATUS, FIFO = UART0 + 0x04, UART0 + 0x20


def test_the_same_status_again_and_again_is_waiting() -> None:
    polling = Polling(Clock(100_000_000))
    stops = [polling.note_read(STATUS, 0x10, counter=False) for _ in range(ENOUGH_READS + 1)]
    assert stops == [False] * ENOUGH_READS + [True]


def test_equal_bytes_from_a_fifo_are_not() -> None:
    polling = Polling(Clock(100_000_000))
    for _ in range(100):
        assert not polling.note_read(STATUS, 0x800, counter=False)
        assert not polling.note_read(FIFO, 0xFF, counter=False)
