"""A small firmware, compiled once, that plays one of many scenarios."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mxdeploy.emulator.board import VirtualBoard
from mxdeploy.stages.s7_compile.compilers import find_compiler
from mxdeploy.stages.s7_compile.object_cache import default_cache

FIRMWARE = Path(__file__).resolve().parent / "firmware"
SOURCES = ("start.c", "scenarios.c", "replay.c")
FLAGS = (
    "-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp", "-fno-sanitize=all",
    "-std=c11", "-ffreestanding", "-Os", "-g", "-gdwarf-4", "-ffp-contract=off", "-fno-builtin",
    "-Wl,-e,reset_handler", "-nostdlib", "-Wl,--build-id=none",
)  # fmt: skip
NAMES = (
    "hello", "systick", "timer", "float_interrupted", "unmapped_read", "gated", "fpu_off",
    "undefined", "echo", "cnn", "priorities", "masked", "process_stack_svc", "flash", "watchdog",
    "software_reset", "conditional_stores", "buttons", "multiple_words", "slow_uart",
    "no_baud_clock", "sleep_for_ever", "data_memory_unpowered",
)  # fmt: skip
MARK = (0xABCD1234).to_bytes(4, "little")
"""Initial content of the word that selects the scenario."""

ImageOf = Callable[[str], bytes]
BoardOf = Callable[..., VirtualBoard]


def _compile() -> bytes:
    compiler = find_compiler("zig")
    if compiler is None:
        pytest.skip("NOT TESTED on the virtual board: ziglang is not installed")
    content = b"".join(path.read_bytes() for path in sorted(FIRMWARE.iterdir()))
    key = hashlib.sha256(content + repr((FLAGS, compiler.version)).encode()).hexdigest()[:16]
    folder = default_cache() / "tests"
    elf = folder / f"probe-{key}.elf"
    if not elf.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"probe-{key}.{id(folder)}.tmp"
        command = (*compiler.compile_command, *FLAGS, "-T", "probe.ld", *SOURCES, "-o", partial)
        environment = compiler.environment(default_cache(), folder)
        subprocess.run(command, cwd=FIRMWARE, env=environment, check=True)
        partial.replace(elf)
    return elf.read_bytes()


@pytest.fixture(scope="session")
def probe_elf() -> bytes:
    """The probe firmware."""
    return _compile()


@pytest.fixture(scope="session")
def image_of(probe_elf: bytes) -> ImageOf:
    """``image_of(name)``: the ELF file that plays the scenario."""
    assert probe_elf.count(MARK) == 1

    def image(name: str) -> bytes:
        return probe_elf.replace(MARK, NAMES.index(name).to_bytes(4, "little"))

    return image


@pytest.fixture
def board_of(image_of: ImageOf) -> BoardOf:
    """``board_of(name)``: a board that is about to play the scenario."""

    def board(name: str, *, lenient: bool = False) -> VirtualBoard:
        return VirtualBoard("max78000fthr", image_of(name), lenient=lenient)

    return board
