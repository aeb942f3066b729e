"""Programs that fail: what is reported, where, and how the program got there."""

from __future__ import annotations

import sys

import pytest

from mxdeploy.emulator.board import StopReason, VirtualBoard
from mxdeploy.emulator.board.image import load_image
from mxdeploy.errors import DeviceError, Diagnostic, ToolError, UsageError
from tests.emulator.board.conftest import BoardOf
from tests.emulator.board.probe import line_of, probe_image

pytest.importorskip("unicorn")


def fault_of(board: VirtualBoard) -> Diagnostic:
    with pytest.raises(DeviceError) as caught:
        board.run(limit_seconds_virtual=1)
    return caught.value.diagnostics[0]


def test_unmapped_read_names_line_callers_accesses_and_output(board_of: BoardOf) -> None:
    pytest.importorskip("elftools")
    found = fault_of(board_of("unmapped_read"))
    assert found.code == "MX7052"
    assert "load of 4 bytes at 0x60000000" in found.what
    assert f"deref, scenarios.c:{line_of('load')}" in found.where
    frames = [line.split(maxsplit=2)[2] for line in found.why.splitlines() if " #" in line]
    assert frames[0] == f"deref, scenarios.c:{line_of('load')}"
    assert frames[1] == f"layer, scenarios.c:{line_of('call')}"
    assert [frame.split(",")[0] for frame in frames[2:]] == ["unmapped_read", "reset_handler"]
    assert "write 0x0000000a to UART0+0x20 (0x40042020)" in found.why
    assert found.why.endswith("about to fail")


def test_without_debug_information_the_address_is_told() -> None:
    raw = load_image(probe_image("unmapped_read"))
    found = fault_of(VirtualBoard("max78000fthr", raw.flash[: raw.used_bytes]))
    assert "load of 4 bytes at 0x60000000" in found.what
    assert found.where.startswith("firmware at 0x1000")


def test_backtrace_passes_through_an_exception(board_of: BoardOf) -> None:
    """SysTick's handler uses the FPU, which this program has not enabled."""
    pytest.importorskip("elftools")
    found = fault_of(board_of("timer_without_fpu"))
    names = [line.split()[2].rstrip(",") for line in found.why.splitlines() if " #" in line]
    assert found.code == "MX7057"
    assert names == ["systick_handler", "wait_for_ticks", "timer_without_fpu", "reset_handler"]


@pytest.mark.parametrize(
    ("scenario", "code", "what", "mark"),
    [
        ("gated", "MX7058", "access to TMR1 while its clock is off", "gated"),
        ("fpu_off", "MX7057", "floating-point instruction while the FPU is disabled", "fpu"),
        ("undefined", "MX7054", "undefined instruction 0xde07", "undefined"),
        ("flash", "MX7053", "store of 4 bytes to flash at 0x1007e000", "store to flash"),
        ("no_baud_clock", "MX7074", "the baud clock of UART0 is off", None),
        ("sleep_for_ever", "MX7067", "no interrupt left that could wake", "sleep"),
        ("data_memory_unpowered", "MX7062", "0x50400000 while quadrant 0 is not powered", "data"),
        ("unknown_register", "MX7059", "0x40042040 (UART0 has no register", "register"),
        ("not_on_the_board", "MX7059", "0x4001d000 (I2C0 is not part", "i2c"),
        ("undeclared_bits", "MX7060", "undeclared bit 31", "bits"),
        ("null_call", "MX7055", "jump to 0x00000000", None),
        ("stack_overflow", "MX7052", "where there is nothing", None),
    ],
)
def test_faults(board_of: BoardOf, scenario: str, code: str, what: str, mark: str | None) -> None:
    found = fault_of(board_of(scenario))
    assert found.code == code
    assert what in found.what
    if mark is not None:
        assert f"scenarios.c:{line_of(mark)})" in found.where


def test_flash_was_erased_and_written_before_the_fault(board_of: BoardOf) -> None:
    board = board_of("flash")
    found = fault_of(board)
    assert found.why.endswith("erased=1\n  written=1\n  failed=0")
    assert board.read_memory(0x1007_E010, 4) == bytes([0x11] * 4)


def test_wrong_baud_rate_gives_garbage_and_a_warning(board_of: BoardOf) -> None:
    board = board_of("slow_uart")
    with pytest.raises(DeviceError) as caught:
        board.run()
    assert set(board.uart_output) == {0xFF}
    warning = caught.value.diagnostics[1]
    assert (warning.code, warning.severity) == ("MX7069", "warning")
    assert "9600 baud, the console listens at 115200" in warning.what


def test_lenient_notes_and_ignores(board_of: BoardOf) -> None:
    board = board_of("undeclared_bits", lenient=True)
    assert board.run(b"end\n") is StopReason.UNTIL
    assert [d.code for d in board.diagnostics] == ["MX7060"]


def test_lost_input_is_noted(board_of: BoardOf) -> None:
    board = board_of("deaf")
    board.run(b"ready\n")
    board.uart_feed(bytes(range(12)))
    board.run(b"end\n")
    assert b"level=8\n" in board.uart_output
    assert [d.code for d in board.diagnostics] == ["MX7072"]


@pytest.mark.parametrize(
    ("image", "what"),
    [
        (b"", "empty"),
        (b"\x7fELF", "truncated"),
        (b"\x7fELF\x02\x01" + bytes(60), "not for 32-bit little-endian Arm"),
        (bytes(512 * 1024 + 1), "do not lie in flash"),
    ],
)
def test_bad_images(image: bytes, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        VirtualBoard("max78000fthr", image)


def test_truncated_elf() -> None:
    with pytest.raises(UsageError, match="truncated"):
        VirtualBoard("max78000fthr", probe_image("hello")[:4000])


def test_a_missing_emulator_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "unicorn", None)
    with pytest.raises(ToolError) as caught:
        VirtualBoard("max78000fthr", probe_image("hello"))
    assert caught.value.diagnostics[0].fix == 'pip install "mxdeploy[firmware]"'
    assert caught.value.exit_code == 4
