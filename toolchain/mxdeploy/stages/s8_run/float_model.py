"""The user's own model on onnxruntime: what the integers are measured against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ir.network import InputPart

BATCH = 32
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
"""What onnxruntime calls the types of inputs that are imported."""


class FloatMachine:
    """The float model: one input, perhaps in parts, and all outputs."""

    def __init__(self, model: Path, parts: Sequence[InputPart] = (), threads: int = 2) -> None:
        """Load a model.

        Args:
            model: the ONNX file.
            parts: its inputs where it has several.
            threads: limits onnxruntime.
        """
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = ort.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        inputs = self._session.get_inputs()
        self._names = [source.name for source in inputs]
        self._parts = tuple(parts)
        source = inputs[parts[0].place if parts else 0]
        self._type = _TYPES[source.type]
        fixed = [i.shape[0] for i in inputs if isinstance(i.shape[0], int)]
        self._fixed_batch = fixed[0] if fixed else None

    def run(self, x: NDArray[np.float32]) -> list[NDArray[np.generic]]:
        """All outputs for inputs (n, *shape), in the model's order, (n, ...) each."""
        size = self._fixed_batch or BATCH
        parts = [self._run_batch(x[i : i + size], size) for i in range(0, len(x), size)]
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

    def _run_batch(self, x: NDArray[np.float32], size: int) -> list[NDArray[np.generic]]:
        count = len(x)
        if self._fixed_batch is not None and count < size:
            x = np.concatenate([x, np.repeat(x[-1:], size - count, axis=0)])
        outputs = self._session.run(None, self._feeds(x.astype(self._type)))
        return [np.asarray(output).reshape(len(x), -1)[:count] for output in outputs]

    def _feeds(self, x: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """What each input is given of a batch (n, *shape)."""
        if not self._parts:
            return {self._names[0]: x}
        return {
            self._names[part.place]: x.take(range(part.start, part.stop), axis=part.axis + 1)
            for part in self._parts
        }
