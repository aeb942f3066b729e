"""The user's own model on onnxruntime: what the integers are measured against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.ir.network import InputPart

BATCH = 32
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
"""What onnxruntime calls the types of inputs that are imported."""
_UNUSED_TYPES = {
    f"tensor({name})": np.dtype(name)
    for name in ("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool")
}
"""Of other inputs, which are there but not read."""


class FloatMachine:
    """The float model: one input, perhaps in parts, and all outputs."""

    def __init__(
        self,
        model: Path | bytes,
        parts: Sequence[InputPart] = (),
        threads: int = 2,
        source: str = "",
    ) -> None:
        """Load a model.

        Args:
            model: the ONNX file, or its content.
            parts: its inputs where it has several.
            threads: limits onnxruntime.
            source: name of the input that counts, where it has others that nothing reads; those
                are given zeros. Default: the first.

        Raises:
            UsageError: onnxruntime does not take the model.
        """
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        content: bytes | str = model if isinstance(model, bytes) else str(model)
        try:
            self._session = ort.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001 - onnxruntime's have no base of their own
            raise UsageError(_not_taken(content, error)) from None
        inputs = self._session.get_inputs()
        self._names = [given.name for given in inputs]
        self._parts = tuple(parts)
        whole = self._names.index(source) if source in self._names else 0
        used = [part.place for part in parts] or [whole]
        self._source = self._names[whole]
        self._type = _TYPES[inputs[used[0]].type]
        self._unused = [given for place, given in enumerate(inputs) if place not in used]
        batches = [inputs[place].shape[0] for place in used]
        fixed = [batch for batch in batches if isinstance(batch, int)]
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
        feeds = {given.name: _zeros(given, len(x)) for given in self._unused}
        if not self._parts:
            return {**feeds, self._source: x}
        shares = {
            self._names[part.place]: x.take(range(part.start, part.stop), axis=part.axis + 1)
            for part in self._parts
        }
        return {**feeds, **shares}


def _zeros(given: Any, count: int) -> NDArray[Any]:  # noqa: ANN401 - onnxruntime is not typed
    """For an input that nothing reads; lengths that are open, as that of the batch."""
    shape = [length if isinstance(length, int) else count for length in given.shape]
    return np.zeros(shape, _UNUSED_TYPES.get(given.type) or _TYPES.get(given.type, np.float32))


def _not_taken(model: bytes | str, error: Exception) -> Diagnostic:
    return Diagnostic(
        code="MX8068",
        where="the model" if isinstance(model, bytes) else model,
        what=f"onnxruntime does not load it: {' '.join(str(error).split())}",
        why="answers of the float model come from onnxruntime; import computes shapes itself and "
        "may take what onnxruntime does not (poolings with ceil_mode before operator set 22)",
        fix="export with a newer operator set (22 for ceil_mode); build works without",
    )
