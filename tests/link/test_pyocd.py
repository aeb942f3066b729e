"""pyOCD: its own flash driver runs our algorithm on the virtual board's flash controller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.errors import DeviceError, ToolError
from mxdeploy.link import pyocd_algorithm
from mxdeploy.link.flash_image import FlashImage
from mxdeploy.link.ports import Inventory, inventory
from mxdeploy.link.pyocd import (
    Attached,
    PyOcdMethod,
    attach_to,
    memory_map,
    program_pages,
    register_target,
)
from mxdeploy.link.pyocd_algorithm import flash_algorithm
from mxdeploy.link.virtual import RunningBoard
from mxdeploy.link.volumes import Volume
from mxdeploy.stages.s7_compile import find_compiler
from tests.link.silent import target
from tests.link.stopped_core import LOOP, StoppedCore

pytest.importorskip("pyocd", reason="NOT TESTED: pyOCD is not installed")
pytest.importorskip("unicorn", reason="NOT TESTED: unicorn is not installed")

PAGE = mem.FLASH_PAGE_BYTES
CELL = bytes(range(16))
WRITE_LOCK = 0x40029080
"""FLC WELR0, as the user guide has it: a 1 locks a page until the next reset."""


def compilers() -> list[str]:
    return [name for name in ("gcc", "zig") if find_compiler(name) is not None]


def driver(core: StoppedCore, compiler: str = "auto", place: int = mem.SRAM_BASE) -> Any:
    from pyocd.flash.flash import Flash

    region = memory_map(flash_algorithm(compiler), place).get_boot_memory()
    flash = Flash(core, region.algo)
    flash.region = region
    return flash


def image(size: int, seed: int = 1) -> FlashImage:
    content = bytes((i * 7 + i // 256 * seed) % 256 for i in range(size))
    return FlashImage(path=Path("x.bin"), content=content)


def attached(core: StoppedCore, **places: Any) -> Attached:
    return Attached(core=core, flash=driver(core, **places), reset=lambda: None)


def quiet(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


@pytest.mark.parametrize("compiler", compilers())
@pytest.mark.parametrize("place", [mem.SRAM_BASE, mem.SRAM_BASE + 0x1_2340])
def test_an_image_is_erased_programmed_and_verified(compiler: str, place: int) -> None:
    core = StoppedCore(b"\x00" * 3 * PAGE)  # every bit must be erased before it is written
    wanted = image(2 * PAGE + 4096 + 16)
    steps: list[tuple[str, int, int]] = []
    board = attached(core, compiler=compiler, place=place)
    assert program_pages(board, wanted, lambda *step: steps.append(step)) == 3
    assert core.flash(mem.FLASH_BASE, len(wanted.padded)) == wanted.padded
    assert core.notes == []
    assert [done for _, done, _ in steps] == list(range(1, 7))


def test_pages_that_are_right_already_stay() -> None:
    before = image(3 * PAGE)
    core = StoppedCore(before.content)
    changed = bytearray(before.content)
    changed[PAGE + 5] ^= 0xFF
    assert (
        program_pages(attached(core), FlashImage(path=Path("x"), content=bytes(changed)), quiet)
        == 1
    )
    assert core.flash(mem.FLASH_BASE, 3 * PAGE) == bytes(changed)
    assert program_pages(attached(core), before, quiet) == 1


def test_nothing_to_do_runs_nothing_that_writes() -> None:
    before = image(PAGE)
    core = StoppedCore(before.content)
    assert program_pages(attached(core), before, quiet) == 0
    assert core.notes == []


def test_a_locked_page_is_an_error_and_not_a_success() -> None:
    core = StoppedCore()
    core.machine.bus.write(WRITE_LOCK, 4, 1 << 1)
    with pytest.raises(DeviceError) as caught:
        program_pages(attached(core), image(2 * PAGE), quiet)
    (found,) = caught.value.diagnostics
    assert found.code == "MX7512"
    assert "erase" in found.what.lower()


def test_a_chip_that_lies_is_found_by_reading_back() -> None:
    core = StoppedCore()
    board = attached(core)
    read = core.read_memory_block8

    class Liar:
        """Shows one bit of the second page wrong."""

        def read_memory_block8(self, addr: int, size: int) -> list[int]:
            data = read(addr, size)
            if addr == mem.FLASH_BASE + PAGE:
                data[9] ^= 4
            return data

    liar = Attached(core=Liar(), flash=board.flash, reset=lambda: None)
    with pytest.raises(DeviceError) as caught:
        program_pages(liar, image(2 * PAGE), quiet)
    assert caught.value.diagnostics[0].code == "MX7514"
    assert "0x10002000" in caught.value.diagnostics[0].where


# --- the algorithm itself ----------------------------------------------------------------------


@pytest.fixture(params=compilers())
def flash(request: pytest.FixtureRequest) -> Any:
    """pyOCD's driver, ready to program, with the core behind it."""
    driven = driver(StoppedCore(LOOP), compiler=request.param)
    driven.init(driven.Operation.PROGRAM)
    return driven


def test_it_is_small_and_has_entry_points_inside_its_code() -> None:
    for name in compilers():
        found = flash_algorithm(name)
        assert len(found.code) <= 1024
        entries = (found.init, found.uninit, found.erase_chip, found.erase_sector)
        assert len({*entries, found.program_page}) == 5
        assert all(24 <= entry < len(found.code) for entry in (*entries, found.program_page))
        assert found.code[:2] == bytes.fromhex("00be")  # BKPT #0


def test_stack_and_buffers_do_not_meet_the_code() -> None:
    told = flash_algorithm().describe(mem.SRAM_BASE)
    code_end = told["load_address"] + 4 * len(told["instructions"])
    assert code_end + 512 <= told["begin_stack"] <= told["page_buffers"][0]
    assert told["page_buffers"][0] + told["page_size"] <= told["page_buffers"][1]
    assert told["begin_stack"] % 8 == 0


def test_a_cell_is_written_alone(flash: Any) -> None:
    start = mem.FLASH_BASE + PAGE
    flash.program_page(start + 16, list(CELL))
    assert flash.target.flash(start, 48) == b"\xff" * 16 + CELL + b"\xff" * 16
    assert flash.target.notes == []


@pytest.mark.parametrize(("offset", "size"), [(8, 16), (0, 12), (1, 16)])
def test_what_is_not_a_whole_cell_is_refused(flash: Any, offset: int, size: int) -> None:
    from pyocd.core.exceptions import FlashProgramFailure

    start = mem.FLASH_BASE + PAGE
    with pytest.raises(FlashProgramFailure):
        flash.program_page(start + offset, list(CELL[:size]))
    assert flash.target.flash(start, 32) == b"\xff" * 32


def test_one_page_is_erased_and_its_neighbours_stay(flash: Any) -> None:
    for number in range(3):
        flash.program_page(mem.FLASH_BASE + (number + 1) * PAGE - 16, list(CELL))
    flash.init(flash.Operation.ERASE)
    flash.erase_sector(mem.FLASH_BASE + PAGE)
    kept = [flash.target.flash(mem.FLASH_BASE + (n + 1) * PAGE - 16, 16) for n in range(3)]
    assert kept == [CELL, b"\xff" * 16, CELL]


def test_everything_is_erased(flash: Any) -> None:
    flash.program_page(mem.FLASH_BASE + mem.FLASH_BYTES - 16, list(CELL))
    flash.init(flash.Operation.ERASE)
    flash.erase_all()
    assert flash.target.flash(mem.FLASH_BASE, mem.FLASH_BYTES) == b"\xff" * mem.FLASH_BYTES


def test_a_locked_page_refuses_both(flash: Any) -> None:
    from pyocd.core.exceptions import FlashEraseFailure, FlashProgramFailure

    flash.target.machine.bus.write(WRITE_LOCK, 4, 1 << 3)
    with pytest.raises(FlashProgramFailure):
        flash.program_page(mem.FLASH_BASE + 3 * PAGE, list(CELL))
    flash.init(flash.Operation.ERASE)
    with pytest.raises(FlashEraseFailure):
        flash.erase_sector(mem.FLASH_BASE + 3 * PAGE)
    flash.erase_sector(mem.FLASH_BASE + 4 * PAGE)


def test_without_a_compiler_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyocd_algorithm, "find_compiler", lambda _name: None)
    flash_algorithm.cache_clear()
    try:
        with pytest.raises(ToolError, match="no C compiler") as caught:
            flash_algorithm()
    finally:
        flash_algorithm.cache_clear()
    assert caught.value.diagnostics[0].code == "MX7510"


# --- the method --------------------------------------------------------------------------------


def adapters(*ids: str) -> Inventory:
    volumes = [Volume(path=Path("/media") / i, details={"unique id": i}) for i in ids]
    return inventory([], volumes, [])


def test_the_method_programs_and_resets_the_board_behind_the_adapter() -> None:
    core = StoppedCore()
    events: list[str] = []

    @contextmanager
    def attach(unique_id: str) -> Iterator[Attached]:
        events.append(unique_id)
        board = attached(core)
        yield Attached(core=core, flash=board.flash, reset=lambda: events.append("reset"))

    method = PyOcdMethod(lambda: adapters("0444ab"), attach)
    assert method.why_not(target()) == ""
    report = method.program(target(), image(3 * PAGE), quiet)
    assert (report.method, report.pages_erased, report.pages_kept) == ("pyocd", 3, 0)
    assert events == ["0444ab", "reset"]


def test_why_the_method_cannot_be_used() -> None:
    missing = PyOcdMethod(lambda: adapters("a"), installed=lambda: False)
    assert 'pip install "mxdeploy[probe]"' in missing.why_not(target())
    assert "no debug adapter" in PyOcdMethod(adapters).why_not(target())
    assert "--probe" in PyOcdMethod(lambda: adapters("a", "b")).why_not(target())
    virtual = RunningBoard(board="max78000fthr", port="p", control="c", pid=1)
    assert "virtual" in PyOcdMethod(lambda: adapters("a")).why_not(target(virtual=virtual))


def test_an_adapter_that_pyocd_does_not_see() -> None:
    with pytest.raises(DeviceError) as caught, attach_to("0444deadbeef"):
        pass
    assert caught.value.diagnostics[0].code in {"MX7512", "MX7513"}


def test_pyocd_takes_the_target_for_one_of_its_own() -> None:
    from pyocd.core.session import Session
    from pyocd.target import TARGET

    made = register_target(flash_algorithm())
    assert TARGET["max78000"] is made
    session = Session(None, options={"no_config": True})
    session._probe = SimpleNamespace()  # it only must be there
    chip = made(session)
    boot = chip.memory_map.get_boot_memory()
    assert (boot.start, boot.length, boot.blocksize) == (0x10000000, 512 * 1024, 8192)
    assert chip.memory_map.get_region_for_address(0x2001FFFF).name == "sram"
