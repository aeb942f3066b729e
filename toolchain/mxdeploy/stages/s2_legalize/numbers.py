"""Folded weights back in single precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ir.tensor import Tensor


def single(array: NDArray[np.float64]) -> Tensor:
    """``array`` as float32; what does not fit becomes infinite and is refused with the layer."""
    with np.errstate(over="ignore"):
        return Tensor(array.astype(np.float32))
