"""Pseudo-random input that firmware makes by itself, where its flash has no room for a real one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SPREAD, _FIRST, _SECOND = np.uint32(0x9E3779B9), np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)


def generated_input(shape: tuple[int, int, int]) -> NDArray[np.int8]:
    """Numbers of all sizes: each follows from the number of its element alone.

    ``sample_element()`` in the firmware's ``sample.c`` has the same steps.
    """
    mixed = np.arange(1, np.prod(shape, dtype=int) + 1, dtype=np.uint32) * _SPREAD
    mixed ^= mixed >> np.uint32(16)
    mixed *= _FIRST
    mixed ^= mixed >> np.uint32(13)
    mixed *= _SECOND
    mixed ^= mixed >> np.uint32(16)
    return (mixed & np.uint32(0xFF)).astype(np.uint8).view(np.int8).reshape(shape)
