"""The probe: a small firmware, compiled once, that plays one of many scenarios."""

from __future__ import annotations

import hashlib
import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

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
    "no_baud_clock", "sleep_for_ever", "data_memory_unpowered", "wire_pass", "wire_fail",
    "wire_short", "unknown_register", "not_on_the_board", "undeclared_bits", "null_call",
    "stack_overflow", "timer_without_fpu", "deaf", "slow_reader", "metronome", "poll_button",
    "soft_reset",
)  # fmt: skip
MARK = (0xABCD1234).to_bytes(4, "little")
"""Initial content of the word that selects the scenario."""


@cache
def probe_elf() -> bytes:
    """The linked probe; compiled when its sources have changed."""
    compiler = find_compiler("zig")
    if compiler is None:
        pytest.skip("NOT TESTED on the virtual board: ziglang is not installed")
    content = b"".join(path.read_bytes() for path in sorted(FIRMWARE.iterdir()))
    key = hashlib.sha256(content + repr((FLAGS, compiler.version)).encode()).hexdigest()[:16]
    folder = default_cache() / "tests"
    elf = folder / f"probe-{key}.elf"
    if not elf.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"probe-{key}.{os.getpid()}.tmp"
        command = (*compiler.compile_command, *FLAGS, "-T", "probe.ld", *SOURCES, "-o", partial)
        environment = compiler.environment(default_cache(), folder)
        subprocess.run(command, cwd=FIRMWARE, env=environment, check=True)
        partial.replace(elf)
    return elf.read_bytes()


def probe_image(name: str) -> bytes:
    """The ELF file that plays the scenario ``name``."""
    elf = probe_elf()
    assert elf.count(MARK) == 1
    return elf.replace(MARK, NAMES.index(name).to_bytes(4, "little"))


def line_of(mark: str) -> int:
    """Line number of ``MARK: mark`` in scenarios.c."""
    lines = (FIRMWARE / "scenarios.c").read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines, 1) if f"MARK: {mark} " in line)
