"""Drives of DAPLink debug adapters: where they are mounted, and what their DETAILS.TXT says.

An adapter shows a small FAT drive. Its file DETAILS.TXT names the adapter (``Unique ID``, equal to
the USB serial number), its firmware and its settings; FAIL.TXT appears after a failed copy.
Source: DAPLink documentation and the boards' own descriptions.
"""

from __future__ import annotations

import os
import re
import string
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

DETAILS_FILE = "DETAILS.TXT"
FAIL_FILE = "FAIL.TXT"
MOUNTS_FILE = Path("/proc/self/mounts")
FAT_TYPES = frozenset({"vfat", "msdos", "exfat", "fuseblk"})
MAX_DETAILS_BYTES = 64 * 1024
"""The real file has about 600; a foreign drive may hold anything under this name."""
_LINE = re.compile(r"\s*([^:#]+?)\s*:\s*(.*?)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """The drive of one adapter.

    Attributes:
        path: where it is mounted.
        details: lines of DETAILS.TXT, keys in lower case.
    """

    path: Path
    details: Mapping[str, str]

    @property
    def unique_id(self) -> str:
        """48 hexadecimal digits, lower case: the adapter's USB serial number; empty if unknown."""
        return self.details.get("unique id", "").lower()

    @property
    def firmware(self) -> str:
        """Version of the adapter's firmware, as it says itself; empty if unknown."""
        return self.details.get("interface version", "")

    @property
    def maintenance(self) -> bool:
        """Whether the adapter is in its own bootloader: a copy would replace ITS firmware."""
        return self.details.get("daplink mode", "interface").lower() != "interface"


def find_volumes(mounts: Iterable[Path] | None = None) -> tuple[Volume, ...]:
    """Drives that hold a DETAILS.TXT of a DAPLink adapter.

    Args:
        mounts: folders to look at; left out, every drive an adapter can be.
    """
    folders = mount_points() if mounts is None else mounts
    volumes = (read_volume(folder) for folder in folders)
    return tuple(volume for volume in volumes if volume is not None)


def read_volume(folder: Path) -> Volume | None:
    """The adapter's drive mounted there; None when it is none or has just gone."""
    text = read_text(folder, DETAILS_FILE)
    if text is None:
        return None
    matches = (_LINE.fullmatch(line) for line in text.splitlines())
    details = {match[1].lower(): match[2] for match in matches if match is not None}
    if "unique id" not in details:
        return None
    return Volume(path=folder, details=details)


def read_text(folder: Path, name: str) -> str | None:
    """A text file at the top of a drive, whatever the case of its name; None without it."""
    try:
        found = next((p for p in folder.iterdir() if p.name.upper() == name), None)
        if found is None:
            return None
        with found.open("rb") as stream:
            return stream.read(MAX_DETAILS_BYTES).decode("utf-8", "replace")
    except OSError:
        return None


def mount_points() -> tuple[Path, ...]:
    """Where removable drives are mounted on this system.

    On Linux only FAT file systems: looking into a network drive may take for ever.
    """
    if sys.platform == "win32":
        drives = (Path(f"{letter}:\\") for letter in string.ascii_uppercase[3:])
        return tuple(drive for drive in drives if drive.exists())
    if sys.platform == "darwin":
        folder = Path("/Volumes")
        return tuple(sorted(folder.iterdir())) if folder.is_dir() else ()
    try:
        text = MOUNTS_FILE.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ()
    return parse_mounts(text)


def parse_mounts(text: str) -> tuple[Path, ...]:
    """FAT file systems in a mount table of Linux (blanks in paths are octal escapes there)."""
    rows = (line.split() for line in text.splitlines())
    found = [row[1] for row in rows if len(row) >= 3 and row[2] in FAT_TYPES]  # noqa: PLR2004
    return tuple(Path(os.fsdecode(_unescape(path))) for path in found)


def _unescape(path: str) -> bytes:
    raw = path.encode("utf-8", "surrogateescape")
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8) & 0xFF]), raw)
