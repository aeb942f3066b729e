"""Where data are: ``FILE[:KEY]``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReference:
    """``FILE[:KEY]`` taken apart."""

    path: Path
    key: str | None

    def __str__(self) -> str:
        """As the user wrote it."""
        return f"{self.path}:{self.key}" if self.key else str(self.path)


def parse_reference(text: str) -> DataReference:
    """Split ``FILE[:KEY]``; a colon inside an existing file's name or a drive letter stays."""
    head, colon, key = text.rpartition(":")
    if not colon or Path(text).exists() or "/" in key or "\\" in key:
        return DataReference(path=Path(text), key=None)
    return DataReference(path=Path(head), key=key)
