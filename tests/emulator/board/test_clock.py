"""Virtual time: exact for every oscillator, events in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.emulator.board.clock import TICKS_PER_SECOND, Clock, cycles_in, ticks_of

OSCILLATORS = (100_000_000, 60_000_000, 7_372_800, 32_768, 30_000)


@pytest.mark.parametrize("hertz", OSCILLATORS)
def test_every_oscillator_divides_the_tick(hertz: int) -> None:
    assert TICKS_PER_SECOND % hertz == 0


@given(st.integers(0, 10**9), st.sampled_from(OSCILLATORS))
def test_durations_come_back(count: int, hertz: int) -> None:
    assert cycles_in(ticks_of(count, hertz), hertz) == count


def test_cycles_go_on_through_a_change_of_clock() -> None:
    clock = Clock(60_000_000)
    clock.jump(TICKS_PER_SECOND)
    clock.set_frequency(100_000_000)
    clock.jump(2 * TICKS_PER_SECOND)
    assert clock.cycles == 160_000_000


@given(st.lists(st.integers(1, 1000), min_size=1))
def test_events_happen_in_order_of_time_and_not_early(delays: list[int]) -> None:
    clock = Clock(100_000_000)
    seen: list[tuple[int, int]] = []
    for number, delay in enumerate(delays):
        clock.schedule(delay, lambda n=number, d=delay: seen.append((d, n)))
    while (due := clock.next_event()) is not None:
        clock.jump(due)
        clock.run_events()
        assert seen[-1][0] == clock.ticks
    assert seen == sorted((delay, n) for n, delay in enumerate(delays))


def test_cancelled_events_do_not_happen() -> None:
    clock = Clock(100_000_000)
    seen: list[str] = []
    clock.schedule(5, lambda: seen.append("no")).cancel()
    clock.schedule(7, lambda: seen.append("yes"))
    assert clock.next_event() == 7
    clock.jump(10)
    clock.run_events()
    assert seen == ["yes"]
    assert clock.next_event() is None
