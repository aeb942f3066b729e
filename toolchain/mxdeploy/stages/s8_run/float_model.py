"""The user's own model on onnxruntime: what the integers are measured against."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BATCH = 32
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
"""What onnxruntime calls the types of inputs that are imported."""


class FloatMachine:
    """The float model: one input, all outputs."""

    def __init__(self, model: Path, threads: int = 2) -> None:
        """Load ``model``; ``threads`` limits onnxruntime."""
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = ort.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        source = self._session.get_inputs()[0]
        self._name = source.name
        self._type = _TYPES[source.type]
        self._fixed_batch = source.shape[0] if isinstance(source.shape[0], int) else None

    def run(self, x: NDArray[np.float32]) -> list[NDArray[np.generic]]:
        """All outputs for inputs (n, *shape), in the model's order, (n, ...) each."""
        size = self._fixed_batch or BATCH
        parts = [self._run_batch(x[i : i + size], size) for i in range(0, len(x), size)]
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

    def _run_batch(self, x: NDArray[np.float32], size: int) -> list[NDArray[np.generic]]:
        count = len(x)
        if self._fixed_batch is not None and count < size:
            x = np.concatenate([x, np.repeat(x[-1:], size - count, axis=0)])
        outputs = self._session.run(None, {self._name: x.astype(self._type)})
        return [np.asarray(output).reshape(len(x), -1)[:count] for output in outputs]
