"""From a program counter to source lines and callers, with the debug information of the ELF file.

Only used after a fault: reading debug information takes far longer than running the program.
Callers are found by the call frame information (``.debug_frame``), through exception frames too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from mxdeploy.emulator.board import architecture as arm

MAXIMUM_FRAMES = 24
_SP, _LR, _PC = 13, 14, 15
_EXCEPTION_RETURN_FLOOR = 0xFFFF_FFE0
_BASIC_FRAME = struct.Struct("<8I")
ReadMemory = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Frame:
    """One level of the call stack."""

    pc: int
    function: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        """``0x10000123 main, main.c:12``."""
        text = f"0x{self.pc:08x}"
        if self.function:
            text += f" {self.function}"
        if self.file:
            text += f", {self.file}:{self.line}"
        return text


def backtrace(elf: bytes | None, registers: dict[str, int], read: ReadMemory) -> tuple[Frame, ...]:
    """The call stack, innermost first.

    Args:
        elf: the ELF file; without one only addresses are known.
        registers: ``R0``..``R12``, ``SP``, ``LR``, ``PC`` at the fault.
        read: memory of the stopped program; raises ``LookupError`` where there is none.
    """
    state = [registers[f"R{n}"] for n in range(13)]
    state += [registers["SP"], registers["LR"], registers["PC"]]
    symbols = _Symbols.load(elf)
    if symbols is None:
        return (Frame(state[_PC]), Frame(state[_LR] & ~1))
    frames: list[Frame] = []
    exact = True
    while len(frames) < MAXIMUM_FRAMES:
        pc = state[_PC] & ~1
        frames.append(symbols.frame(pc, pc if exact else pc - 1))
        caller = symbols.unwind(pc if exact else pc - 1, state, read)
        if caller is None:
            break
        exact = False
        if caller[_PC] >= _EXCEPTION_RETURN_FLOOR:
            interrupted = _leave_exception(caller, read)
            if interrupted is None:
                break
            caller, exact = interrupted, True
        if not symbols.is_code(caller[_PC]):
            break
        state = caller
    return tuple(frames)


def _leave_exception(state: list[int], read: ReadMemory) -> list[int] | None:
    """Registers of the program that the exception interrupted."""
    sp = state[_SP]
    extended = not state[_PC] & arm.RETURN_BASIC
    try:
        words = _BASIC_FRAME.unpack(read(sp, _BASIC_FRAME.size))
    except LookupError:
        return None
    size = arm.EXTENDED_FRAME_BYTES if extended else arm.BASIC_FRAME_BYTES
    shift = 4 if words[7] & arm.XPSR_ALIGNED else 0
    return [*words[:4], *state[4:12], words[4], sp + size + shift, words[5], words[6] & ~1]


class _Symbols:
    """Functions, lines and frame information of one ELF file."""

    def __init__(self, elf: Any, dwarf: Any) -> None:  # noqa: ANN401 - pyelftools has no types
        self._dwarf = dwarf
        self._functions = _functions(elf)
        self._rows: list[tuple[int, int, Any]] = []
        if dwarf is not None and dwarf.has_CFI():
            self._rows = [
                (e["initial_location"], e["initial_location"] + e["address_range"], e)
                for e in dwarf.CFI_entries()
                if "initial_location" in e.header
            ]

    @classmethod
    def load(cls, elf: bytes | None) -> _Symbols | None:
        """None when there is no ELF file or nothing that reads it."""
        if elf is None:
            return None
        try:
            from elftools.common.exceptions import ELFError
            from elftools.elf.elffile import ELFFile
        except ImportError:
            return None
        try:
            file = ELFFile(BytesIO(elf))
            return cls(file, file.get_dwarf_info() if file.has_dwarf_info() else None)
        except ELFError:
            return None

    def is_code(self, address: int) -> bool:
        """Whether a function lies there."""
        return bool(self._function(address & ~1))

    def _function(self, address: int) -> str:
        for start, end, name in self._functions:
            if start <= address < end:
                return name
        return ""

    def frame(self, pc: int, inside: int) -> Frame:
        """The frame at ``pc``; ``inside`` is an address within the instruction meant."""
        frame = Frame(pc, self._function(inside))
        place = _line(self._dwarf, inside) if self._dwarf is not None else None
        return frame if place is None else replace(frame, file=place[0], line=place[1])

    def unwind(self, inside: int, state: list[int], read: ReadMemory) -> list[int] | None:
        """Registers of the caller; None when it is not known."""
        entry = next((e for start, end, e in self._rows if start <= inside < end), None)
        if entry is None:
            return None
        rows = [row for row in entry.get_decoded().table if row["pc"] <= inside]
        if not rows or rows[-1]["cfa"].reg is None:
            return None
        row = rows[-1]
        cfa = state[row["cfa"].reg] + row["cfa"].offset
        caller = list(state)
        try:
            for register in range(_PC):
                rule = row.get(register)
                if rule is not None and rule.type == "OFFSET":
                    word = read(cfa + rule.arg, 4)
                    caller[register] = int.from_bytes(word, "little")
        except LookupError:
            return None
        caller[_SP] = cfa
        caller[_PC] = caller[_LR]
        return None if caller[_PC] & ~1 == state[_PC] & ~1 and cfa == state[_SP] else caller


def _functions(elf: Any) -> list[tuple[int, int, str]]:  # noqa: ANN401 - pyelftools has no types
    table = elf.get_section_by_name(".symtab")
    if table is None:
        return []
    found = []
    for symbol in table.iter_symbols():
        if symbol["st_info"]["type"] == "STT_FUNC":
            start = symbol["st_value"] & ~1
            found.append((start, start + max(2, symbol["st_size"]), symbol.name))
    return found


def _line(dwarf: Any, address: int) -> tuple[str, int] | None:  # noqa: ANN401 - see above
    """File name and line of an address."""
    for unit in dwarf.iter_CUs():
        if not _covers(dwarf, unit, address):
            continue
        program = dwarf.line_program_for_CU(unit)
        previous = None
        for entry in program.get_entries() if program is not None else ():
            state = entry.state
            if state is None:
                continue
            if previous is not None and previous.address <= address < state.address:
                return _file_name(program, previous.file), previous.line
            previous = None if state.end_sequence else state
    return None


def _covers(dwarf: Any, unit: Any, address: int) -> bool:  # noqa: ANN401 - see above
    """Whether the compilation unit has code at the address."""
    top = unit.get_top_DIE()
    low, high = top.attributes.get("DW_AT_low_pc"), top.attributes.get("DW_AT_high_pc")
    if low is not None and high is not None:
        end = high.value if high.form == "DW_FORM_addr" else low.value + high.value
        return bool(low.value <= address < end)
    ranges = top.attributes.get("DW_AT_ranges")
    lists = dwarf.range_lists()
    if ranges is None or lists is None:
        return False
    base = low.value if low is not None else 0
    for entry in lists.get_range_list_at_offset(ranges.value, unit):
        if type(entry).__name__ == "BaseAddressEntry":
            base = entry.base_address
            continue
        offset = 0 if getattr(entry, "is_absolute", False) else base
        if entry.begin_offset + offset <= address < entry.end_offset + offset:
            return True
    return False


def _file_name(program: Any, number: int) -> str:  # noqa: ANN401 - see above
    files = program["file_entry"]
    index = number if program["version"] >= 5 else number - 1  # noqa: PLR2004 - DWARF 5 counts from 0
    if not 0 <= index < len(files):
        return "?"
    name = files[index].name
    return PurePosixPath(name.decode("utf-8", "replace")).name
