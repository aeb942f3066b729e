"""The generated C project and the compiled firmware."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Files of the C project: relative POSIX path -> content, in sorted order."""

    name: str
    board: str
    files: tuple[tuple[str, bytes], ...]

    @property
    def digest(self) -> str:
        """SHA-256 over paths and contents, hexadecimal."""
        state = hashlib.sha256()
        for path, content in self.files:
            state.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
        return state.hexdigest()

    def content(self, path: str) -> bytes:
        """Content of one file; KeyError when there is none."""
        for name, content in self.files:
            if name == path:
                return content
        raise KeyError(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareSize:
    """Bytes used in flash (code, constants, initial data) and SRAM (data, bss, stack)."""

    flash_bytes: int
    sram_bytes: int
    kernel_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """A linked image.

    Attributes:
        elf: the linked file with debug information.
        binary: flash content from 0x10000000 on.
        hex: Intel HEX text of the flash content.
        srec: Motorola S-record text of the flash content.
        size: use of flash and SRAM.
        compiler: name and version of the compiler.
    """

    elf: bytes
    binary: bytes
    hex: str
    srec: str
    size: FirmwareSize
    compiler: str
