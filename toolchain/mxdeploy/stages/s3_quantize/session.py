"""onnxruntime for calibration: quiet, on the CPU, without busy waiting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


class Session:
    """A model loaded into onnxruntime."""

    def __init__(self, model: bytes, threads: int) -> None:
        """Load ``model``; one inference uses ``threads`` threads."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin while they wait would double the CPU time of a build.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the model's outputs, in order."""
        return tuple(output.name for output in self._session.get_outputs())

    def run(
        self, inputs: Mapping[str, NDArray[np.generic]], names: Sequence[str] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Outputs by name: those asked for, or all."""
        wanted = list(self.outputs if names is None else names)
        return dict(zip(wanted, self._session.run(wanted, dict(inputs)), strict=True))
