"""Array types of the arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Int8Array = NDArray[np.int8]
Int32Array = NDArray[np.int32]
IntegerArray = NDArray[np.integer[Any]]
FloatArray = NDArray[np.floating[Any]]

DATA_MIN = -128
DATA_MAX = 127
"""Data and weights are signed 8-bit numbers."""
