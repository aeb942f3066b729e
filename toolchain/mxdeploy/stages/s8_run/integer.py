"""The first of the three machines: integer.onnx on onnxruntime, batched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.result import RunResult
from mxdeploy.ir.tensor import Tensor

IntArray = NDArray[np.int8] | NDArray[np.int32]

# Batches whose widest tensor stays in the caches are fastest.
_BATCH_BYTES = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What a batch of inferences gave.

    Attributes:
        layers: (value name, int8 or int32 (n, C, H, W)) of each layer that the model shows, in
            order; empty when it shows the network's outputs alone or they were not asked for.
        outputs: the same of each output of the network.
    """

    layers: tuple[tuple[str, IntArray], ...]
    outputs: tuple[tuple[str, IntArray], ...]

    def __getitem__(self, name: str) -> IntArray:
        """The value called ``name``; KeyError when it was not computed."""
        return dict((*self.layers, *self.outputs))[name]


class IntegerMachine:
    """integer.onnx in an onnxruntime session of its own.

    Args:
        model: what ``build_integer_model`` wrote.
        network: the network it was written from.
        threads: threads of one inference.

    Raises:
        ValueError: the model does not belong to the network.
    """

    def __init__(self, model: bytes, network: QuantNetwork, *, threads: int = 2) -> None:
        """Load the model."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Waiting threads would burn CPU time that other work of the build needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        self._network = network
        shown = [output.name for output in self._session.get_outputs()]
        order = [layer.output for layer in network.layers]
        missing = {*network.outputs} - {*shown, network.input}
        if missing or [self._session.get_inputs()[0].name] != [network.input]:
            raise ValueError(f"the integer model is not one of network {network.name}")
        self._layers = order if all(name in shown for name in order) else []

    def run(self, x: NDArray[np.int8], *, layers: bool = False) -> BatchResult:
        """Run a batch.

        Args:
            x: int8 (n, C, H, W), the network's input as the chip gets it.
            layers: also return every layer's output.

        Raises:
            ValueError: wrong type or shape, or the model does not show its layers.
        """
        shape = self._network.value(self._network.input).shape
        if x.dtype != np.int8 or x.shape[1:] != shape:
            raise ValueError(f"input {x.dtype} {x.shape[1:]}, the network takes int8 {shape}")
        if layers and not self._layers:
            raise ValueError("this integer model was built without its layers")
        wanted = dict.fromkeys((*(self._layers if layers else ()), *self._network.outputs))
        names = [name for name in wanted if name != self._network.input]
        found: dict[str, IntArray] = {self._network.input: x}
        found |= dict(zip(names, self._in_batches(x, names), strict=True))
        return BatchResult(
            layers=tuple((name, found[name]) for name in (self._layers if layers else ())),
            outputs=tuple((name, found[name]) for name in self._network.outputs),
        )

    def run_one(self, x: NDArray[np.int8]) -> RunResult:
        """Run one inference of int8 (C, H, W); with every layer if the model shows them."""
        result = self.run(x[np.newaxis], layers=bool(self._layers))
        return RunResult(
            machine="integer",
            layers=tuple((name, Tensor(array[0])) for name, array in result.layers),
            outputs=tuple((name, Tensor(array[0])) for name, array in result.outputs),
        )

    def _in_batches(self, x: NDArray[np.int8], names: list[str]) -> list[IntArray]:
        widest = max(int(np.prod(value.shape)) for value in self._network.values)
        size = max(1, min(256, _BATCH_BYTES // (4 * widest)))
        starts = range(0, max(len(x), 1), size)
        parts = [
            self._session.run(names, {self._network.input: x[start : start + size]})
            for start in starts
        ]
        if len(parts) == 1:
            return list(parts[0])
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
