"""Names from a model made printable and unique; the model's own spelling is kept where possible."""

from __future__ import annotations


def printable(text: str) -> str:
    """``text`` with every character that does not print replaced by ``?``."""
    return "".join(c if c.isprintable() else "?" for c in text)


class NameTable:
    """Hands out printable, unique names."""

    def __init__(self) -> None:
        """Nothing taken yet."""
        self._taken: set[str] = set()

    def unique(self, wanted: str) -> str:
        """``wanted`` made printable, with ``_2``, ``_3`` ... when it is taken already."""
        base = printable(wanted) or "unnamed"
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name
