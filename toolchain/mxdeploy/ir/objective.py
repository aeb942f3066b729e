"""What to make small when a network can be built in several ways."""

from __future__ import annotations

from enum import StrEnum


class Objective(StrEnum):
    """What counts most once a network fits.

    ``latency``: cycles of the accelerator, then bytes that are loaded; ``memory``: the reverse.
    """

    LATENCY = "latency"
    MEMORY = "memory"
