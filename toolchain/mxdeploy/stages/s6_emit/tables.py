"""Numbers as C text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


def hex32(value: int) -> str:
    """An unsigned 32-bit constant."""
    return f"0x{value:08x}u"


def lines(values: Sequence[int] | NDArray[np.integer], per_line: int = 16) -> tuple[str, ...]:
    """Integers as comma-separated lines, without a comma at the end of a line."""
    texts = [c_integer(int(v)) for v in values]
    return tuple(", ".join(group) for group in _groups(texts, per_line))


def c_integer(value: int) -> str:
    """A signed 32-bit constant; the most negative one has no literal of its own."""
    return "INT32_MIN" if value == -(1 << 31) else str(value)


def c_float(value: float) -> str:
    """The nearest single-precision number, exactly."""
    return f"{float(np.float32(value)).hex()}f"


def channels(values: Iterable[int | None]) -> str:
    """Channel numbers of four lanes."""
    return ", ".join("NO_CHANNEL" if v is None else f"{v}u" for v in values)


def _groups(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[i : i + size] for i in range(0, len(items), size))
