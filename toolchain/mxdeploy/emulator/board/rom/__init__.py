"""The ROM of the virtual board: its serial bootloader."""

from mxdeploy.emulator.board.rom.bootloader import DEFAULT_USN, RomBootloader
from mxdeploy.emulator.board.rom.records import Flash

__all__ = ["DEFAULT_USN", "Flash", "RomBootloader"]
