"""Element-wise combination of several operands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np

from mxdeploy.arith.arrays import Int8Array
from mxdeploy.arith.post import saturate

Function = Literal["sub", "add", "or", "xor"]

_BITWISE: Mapping[str, np.ufunc] = MappingProxyType({"or": np.bitwise_or, "xor": np.bitwise_xor})


def combine(function: Function, operands: Sequence[Int8Array]) -> Int8Array:
    """``operands[0] op operands[1] op ...``, left to right, saturated once at the end.

    Args:
        function: ``add``, ``sub``, ``or`` or ``xor``.
        operands: at least one array; all have the same shape.
    """
    first, *others = operands
    if function in _BITWISE:
        bits = first.copy()
        for other in others:
            _BITWISE[function](bits, other, out=bits)
        return bits
    total = first.astype(np.int32)
    for other in others:
        if function == "add":
            total += other
        else:
            total -= other
    return saturate(total)
