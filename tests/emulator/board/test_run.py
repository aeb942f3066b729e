"""Programs that end well: clocks, serial port, timers, exceptions, sleep, flash, pins."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mxdeploy.emulator.board import StopReason, VirtualBoard
from mxdeploy.emulator.board.image import load_image
from tests.emulator.board.conftest import BoardOf
from tests.emulator.board.probe import probe_image

pytest.importorskip("unicorn")


def numbers(board: VirtualBoard) -> dict[str, int]:
    """The ``name=number`` lines that the program printed."""
    text = board.uart_output.decode()
    return {name: int(value) for name, value in re.findall(r"^(\w+)=(\d+)$", text, re.MULTILINE)}


def played(board: VirtualBoard) -> dict[str, int]:
    reason = board.run(b"end\n", limit_seconds_virtual=20, wall_seconds=60)
    assert reason is StopReason.UNTIL, board.uart_output
    return numbers(board)


def test_text_arrives_and_a_light_goes_on(board_of: BoardOf) -> None:
    board = board_of("hello")
    board.run(b"end\n")
    assert board.uart_output == b"hello from the probe\nnumber=1234567890\nend\n"
    assert board.leds == {"LED1 red": False, "LED1 green": True, "LED1 blue": False}
    assert [(change.name, change.on) for change in board.led_trace[-1:]] == [("LED1 green", True)]
    assert board.diagnostics == ()


def test_a_raw_image_boots_like_the_elf_file() -> None:
    raw = load_image(probe_image("hello"))
    board = VirtualBoard("max78000evkit", raw.flash[: raw.used_bytes])
    board.run(b"end\n")
    assert board.uart_output.startswith(b"hello from the probe\n")


def test_characters_take_their_time_on_the_line(board_of: BoardOf) -> None:
    board = board_of("hello")
    board.run(b"end\n")
    characters = len(board.uart_output)
    assert board.seconds == pytest.approx(characters * 10 / 115200, rel=0.1)


def test_systick_interrupts_delays_and_flags(board_of: BoardOf) -> None:
    board = board_of("systick")
    seen = played(board)
    assert seen["five_ticks_us"] == pytest.approx(5000, abs=15)
    assert 2_000_000 <= seen["delay_us"] <= 2_000_000 * 1.03
    assert seen["countflag_cycles"] == pytest.approx(1_000_000, abs=2000)
    assert board.exceptions == 5


def test_timer_periods_and_one_shot(board_of: BoardOf) -> None:
    seen = played(board_of("timer"))
    assert seen["ten_periods_cycles"] == pytest.approx(10 * 100_000, abs=1500)
    assert seen["one_shot_cycles"] == pytest.approx(2 * 5000, abs=1500)
    assert seen["one_shot_enabled"] == 0


def float_work() -> int:
    """The same computation in single precision, outside of any emulator."""
    f = np.float32
    a, b, c, d = f(1), f(0), f(3), f(0.25)
    for i in range(1, 60000):
        a = a * f(0.99993) + f(1) / f(i)
        b = b + a * c
        c = f(3) + d * f(1e-3)
        d = d * f(1.00001) - b * f(1e-9)
    return int((a + b * f(1e-6) + c + d).view(np.uint32))


def test_interrupts_keep_the_floating_point_registers(board_of: BoardOf) -> None:
    seen = played(board_of("float_interrupted"))
    assert seen["ticks"] > 100
    assert seen["interrupted"] == seen["alone"] == float_work()


def test_stronger_exceptions_interrupt_and_weaker_ones_wait(board_of: BoardOf) -> None:
    board = board_of("priorities")
    played(board)
    assert board.uart_output.startswith(b"SGsP\n")


def test_a_masked_interrupt_wakes_and_runs_later(board_of: BoardOf) -> None:
    assert played(board_of("masked")) == {"while_masked": 0, "unmasked": 1}


def test_exceptions_use_the_process_stack(board_of: BoardOf) -> None:
    seen = played(board_of("process_stack_svc"))
    assert seen == {"register": 77, "own_stack": 1, "balanced": 1, "frame": 1}


def test_stores_in_an_it_block_are_made_once_and_all(board_of: BoardOf) -> None:
    assert played(board_of("conditional_stores")) == {"after": 49, "taken": 1}


def test_instructions_with_two_words_are_complete(board_of: BoardOf) -> None:
    assert played(board_of("multiple_words")) == {"first": 5, "second": 10}


def test_software_reset_keeps_the_memory(board_of: BoardOf) -> None:
    board = board_of("software_reset")
    played(board)
    assert board.uart_output == b"round=1\nround=2\nround=3\nend\n"


def test_watchdog_resets(board_of: BoardOf) -> None:
    board = board_of("watchdog")
    board.run(b"start\nstart\n", wall_seconds=60)
    assert board.uart_output == b"start\nstart\n"
    # 2^16 cycles of the 30 MHz peripheral clock, after about 6 characters.
    assert board.seconds == pytest.approx(65536 / 30e6, rel=0.6)
    assert [d.code for d in board.diagnostics] == ["MX7073"]


def test_a_button_interrupts(board_of: BoardOf) -> None:
    board = board_of("buttons")
    board.run(b"press\n")
    board.run(limit_seconds_virtual=0.001)
    assert b"pressed" not in board.uart_output
    board.press("SW1")
    assert played(board) == {"pressed": 1}


def test_echo_waits_for_input(board_of: BoardOf) -> None:
    board = board_of("echo")
    assert board.run() is StopReason.IDLE
    assert board.uart_output == b"ready\n"
    board.uart_feed(b"the answer is 42")
    assert board.run() is StopReason.IDLE
    assert board.uart_output == b"ready\nTHE ANSWER IS 42"
    assert board.diagnostics == ()


def test_limits_end_a_run(board_of: BoardOf) -> None:
    board = board_of("watchdog")
    assert board.run(limit_seconds_virtual=0.001) is StopReason.VIRTUAL_TIME
    assert board.seconds == pytest.approx(0.001, rel=0.3)
    assert board.run(wall_seconds=0.0) is StopReason.WALL_TIME


def test_reset_starts_over(board_of: BoardOf) -> None:
    board = board_of("hello")
    board.run(b"end\n")
    board.reset()
    board.run(b"end\n")
    assert board.uart_output.count(b"hello from the probe\n") == 2
