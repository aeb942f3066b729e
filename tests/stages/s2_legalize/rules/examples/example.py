"""Models in which one rewrite rule is applied, written as text.

Names say what a constant is: ``w_4_3_1_1`` random numbers of that shape (other letters: other
numbers; ``h``: zeros in its second half along the input channels), ``i_0_m1`` integers, ``f_0p25``
a number, ``s_1_2`` scales, ``z_0`` an 8-bit zero point.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from tests.onnx_text import random


@dataclass(frozen=True)
class Example:
    """Nodes as text, shape of the input without the batch, names of the outputs."""

    nodes: str
    shape: str
    outputs: str = "y"


def constants(nodes: str) -> dict[str, np.ndarray]:
    """The constants that ``nodes`` name."""
    found: dict[str, np.ndarray] = {}
    for name in re.findall(r"\b[a-z]_[\dmp_]+\b", nodes):
        kind, *numbers = name.split("_")
        values = [float(n.replace("m", "-").replace("p", ".")) for n in numbers]
        if kind == "i":
            found[name] = np.array(values, np.int64)
        elif kind == "z":
            found[name] = np.array(int(values[0]), np.int8)
        elif kind in "fs":
            found[name] = np.array(values if kind == "s" else values[0], np.float32)
        else:
            shape = [int(v) for v in values]
            found[name] = random(*shape, seed=ord(kind), scale=0.5)
            if kind == "h":
                found[name][:, shape[1] // 2 - 1 :] = 0
    return found
