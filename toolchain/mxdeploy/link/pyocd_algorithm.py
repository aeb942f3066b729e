"""The flash algorithm that a debugger runs on the chip, compiled from C when it is first needed."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mxdeploy.chip.max78000 import clocks
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.peripherals import flash, gcr
from mxdeploy.errors import Diagnostic, ToolError
from mxdeploy.resources import templates_folder
from mxdeploy.stages.s6_emit.registers_header import registers_header
from mxdeploy.stages.s7_compile.compilers import Compiler, find_compiler
from mxdeploy.stages.s7_compile.elf import read_elf
from mxdeploy.stages.s7_compile.object_cache import default_cache

SOURCES = Path(__file__).resolve().parent / "flash_algorithm"
PAGE_BYTES = 4096
"""Bytes programmed by one call: half of what is erased at once."""
STACK_BYTES = 1024
COMPILE_SECONDS = 120
_FACTS = {
    "SYSTEM_CLOCK_MHZ": clocks.IPO_HZ // 1_000_000,
    "SYSCLK_SEL_IPO": gcr.SYSCLK_SEL_IPO,
    "FLASH_WAIT_STATES": gcr.FLASH_WAIT_STATES,
    "FLASH_UNLOCKED": flash.UNLOCKED,
    "FLASH_LOCKED": flash.LOCKED,
    "FLASH_ERASE_PAGE": flash.ERASE_PAGE,
    "FLASH_ERASE_ALL": flash.ERASE_ALL,
    "FLASH_WRITE_BYTES": mem.FLASH_WRITE_BYTES,
}
"""What the C source takes from the description of the chip."""
_HEAD = struct.Struct("<6I")
_THUMB = 1
_ELF = "flash_algorithm.elf"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashAlgorithm:
    """Code for any place in SRAM.

    Attributes:
        code: whole words; the first is a breakpoint, where calls return to.
        init: offset of ``Init(address, clock, purpose)``.
        uninit: offset of ``UnInit(purpose)``.
        erase_chip: offset of ``EraseChip()``.
        erase_sector: offset of ``EraseSector(address)``.
        program_page: offset of ``ProgramPage(address, bytes, data)``.
    """

    code: bytes
    init: int
    uninit: int
    erase_chip: int
    erase_sector: int
    program_page: int

    def describe(self, load_address: int = mem.SRAM_BASE) -> dict[str, Any]:
        """What pyOCD wants to know: code, entry points, stack and two buffers behind each other."""
        words = struct.unpack(f"<{len(self.code) // 4}I", self.code)
        stack_end = load_address + len(self.code) + STACK_BYTES
        buffers = -(-stack_end // PAGE_BYTES) * PAGE_BYTES
        entry = load_address + _THUMB
        return {
            "load_address": load_address,
            "instructions": list(words),
            "pc_init": entry + self.init,
            "pc_unInit": entry + self.uninit,
            "pc_eraseAll": entry + self.erase_chip,
            "pc_erase_sector": entry + self.erase_sector,
            "pc_program_page": entry + self.program_page,
            "static_base": load_address + len(self.code),
            "begin_stack": stack_end & ~7,
            "page_size": PAGE_BYTES,
            "page_buffers": [buffers, buffers + PAGE_BYTES],
            "min_program_length": mem.FLASH_WRITE_BYTES,
            "analyzer_supported": False,
            "analyzer_address": 0,
        }


@cache
def flash_algorithm(compiler: str = "auto") -> FlashAlgorithm:
    """The algorithm, compiled by ``gcc``, ``zig`` or whichever is there.

    Raises:
        ToolError: there is no compiler, or it failed.
        UsageError: there is no compiler of this name.
    """
    found = find_compiler(compiler)
    if found is None:
        raise ToolError(
            Diagnostic(
                code="MX7510",
                where="flash algorithm",
                what="there is no C compiler to build it",
                why="pyOCD programs the chip with a small program that runs on it",
                fix='pip install "mxdeploy[firmware]", or put arm-none-eabi-gcc on the PATH',
            )
        )
    code = _code(_build(found))
    _, init, uninit, erase_chip, erase_sector, program_page = _HEAD.unpack_from(code)
    return FlashAlgorithm(
        code=code,
        init=init & ~_THUMB,
        uninit=uninit & ~_THUMB,
        erase_chip=erase_chip & ~_THUMB,
        erase_sector=erase_sector & ~_THUMB,
        program_page=program_page & ~_THUMB,
    )


def _code(elf: bytes) -> bytes:
    """The only part of the file that is loaded."""
    (segment,) = (s for s in read_elf(elf).segments if s.content)
    return segment.content


def _build(compiler: Compiler) -> bytes:
    templates = templates_folder()
    flags = _words(templates / "flags" / f"{compiler.name}.txt")
    common = _words(templates / "compile_flags.txt")
    with tempfile.TemporaryDirectory(prefix="mxdeploy-") as name:
        folder = Path(name).resolve()
        (folder / "mxc_registers.h").write_text(registers_header(), encoding="utf-8")
        for file in (*SOURCES.iterdir(), templates / "bsp" / "mmio.h"):
            (folder / file.name).write_bytes(file.read_bytes())
        compile_command = (
            *compiler.compile_command,
            *flags,
            *(flag for flag in common if not flag.startswith("-I")),
            *("-I.", "-fno-builtin"),
            *(f"-D{name}={value}u" for name, value in _FACTS.items()),
            *("-c", "flash_algorithm.c", "-o", "flash_algorithm.o"),
        )
        _run(compiler, folder, compile_command)
        _run(compiler, folder, (*_link_command(compiler), "-o", _ELF, "flash_algorithm.o"))
        return (folder / _ELF).read_bytes()


def _link_command(compiler: Compiler) -> tuple[str, ...]:
    """The project's link flags with another script and entry."""
    flags = _words(templates_folder() / "flags" / f"{compiler.name}_link.txt")
    changed = (
        flag.replace("bsp/link.ld", "flash_algorithm.ld").replace("Reset_Handler", "Init")
        for flag in flags
    )
    return (*compiler.link_command, *changed)


def _words(file: Path) -> tuple[str, ...]:
    return tuple(file.read_text(encoding="utf-8").split())


def _run(compiler: Compiler, folder: Path, command: tuple[str, ...]) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=compiler.environment(default_cache(), folder),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMPILE_SECONDS,
            check=False,
        )
        problem = done.stderr if done.returncode else ""
    except (OSError, subprocess.SubprocessError) as error:
        problem = str(error) or "it cannot be started"
    if problem:
        raise ToolError(
            Diagnostic(
                code="MX7511",
                where="flash algorithm",
                what=f"{compiler.version} cannot build it: {problem.strip()[-600:]}",
                fix="reinstall the compiler, or take another --method",
            )
        )
