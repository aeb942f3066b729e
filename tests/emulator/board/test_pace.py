"""Virtual time never ahead of the wall clock, and no hurry after a slow stretch."""

from __future__ import annotations

import pytest

from mxdeploy.emulator.board.clock import TICKS_PER_SECOND
from mxdeploy.emulator.board.pace import SLACK_SECONDS, Pace


class Wall:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def ticks(seconds: float) -> int:
    return int(seconds * TICKS_PER_SECOND)


def test_time_that_is_ahead_waits() -> None:
    wall = Wall()
    pace = Pace(ticks(5), wall)
    assert pace.wait_seconds(ticks(5)) == 0
    assert pace.wait_seconds(ticks(7)) == pytest.approx(2)
    wall.seconds += 1.5
    assert pace.wait_seconds(ticks(7)) == pytest.approx(0.5)
    assert pace.ticks() == pytest.approx(ticks(6.5))


def test_lost_time_is_not_made_up() -> None:
    wall = Wall()
    pace = Pace(0, wall)
    wall.seconds += 10
    assert pace.wait_seconds(ticks(1)) == 0
    assert pace.wait_seconds(ticks(2)) == pytest.approx(1 - SLACK_SECONDS)
