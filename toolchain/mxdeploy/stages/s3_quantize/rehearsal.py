"""The calibration data in integers, carried through the layers as these are fixed."""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ir.network import Network, Node
from mxdeploy.ir.quantized import LayerQuality
from mxdeploy.stages.s3_quantize.bias import BiasChoice, Finish
from mxdeploy.stages.s3_quantize.calibration import Calibration, LayerSeen, sampled
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MAX, DATA_MIN, IntArray
from mxdeploy.stages.s3_quantize.integer_model import (
    build_accumulator_model,
    build_operand_model,
    build_real_model,
)
from mxdeploy.stages.s3_quantize.session import Session
from mxdeploy.stages.s3_quantize.wiring import layer_of

FloatArray = NDArray[np.float32]

# Beyond this, a ratio says more about floating point than about 8 bits.
_LEAST_NOISE = 1e-15


class Rehearsal:
    """Runs the layers on the calibration data and compares with the float network."""

    def __init__(self, network: Network, calibration: Calibration, threads: int) -> None:
        """Start before the first layer; call :meth:`start` next."""
        self._network = network
        self._calibration = calibration
        self._threads = threads
        self._integers: dict[str, IntArray] = {}

    def fork(self) -> Rehearsal:
        """One that goes on from here in another way."""
        other = copy(self)
        other._integers = dict(self._integers)  # noqa: SLF001
        return other

    def start(self, name: str, shape: tuple[int, int, int], scale: float) -> None:
        """Convert the network's input."""
        steps = np.rint(self._calibration.data.astype(np.float64) / scale)
        integers = np.clip(steps, DATA_MIN, DATA_MAX).astype(np.int8)
        self._integers[name] = integers.reshape(-1, *shape)

    def join(self, node: Node) -> None:
        """Put the parts of a join side by side."""
        parts = [self._integers[name] for name in node.inputs]
        self._integers[node.output] = np.concatenate(parts, axis=1)
        self._forget(node)

    def pass_through(self, node: Node, scale: float) -> LayerQuality:
        """Run a layer without weights."""
        output = self.operand(node)
        return self._keep(node, output, scale, None, wide=False)

    def operand(self, node: Node) -> FloatArray:
        """What a layer convolves: pooled and combined integers (n, channels, rows, columns)."""
        return self._run(node, build_operand_model(layer_of(node).spec))

    def accumulate(self, node: Node, weight: IntArray) -> FloatArray:
        """Accumulators of a layer without its bias, (n, channels, rows, columns)."""
        return self._run(node, build_accumulator_model(layer_of(node).spec, weight))

    def seen(self, node: Node) -> LayerSeen:
        """What the float network shows of a layer."""
        return self._calibration.layers[node.output]

    def real_sums(self, node: Node, weight: NDArray[np.float32]) -> FloatArray:
        """Samples of what real weights make of the layer's integer input, without biases."""
        sums = self._run(node, build_real_model(layer_of(node).spec, weight))
        return sampled(sums, self._calibration.layers[node.output].positions)

    def compared(self, node: Node, sums: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Samples of the accumulators, and what the float network gives there."""
        seen = self._calibration.layers[node.output]
        return sampled(sums, seen.positions), seen.output.clipped

    def quality(
        self, node: Node, sums: FloatArray, bias: BiasChoice | None, finish: Finish
    ) -> LayerQuality:
        """What becomes of a layer when its accumulators end so; nothing is fixed."""
        output = finish(sums, None if bias is None else bias.values)
        return self._quality(node, output, finish.output_scale, bias, wide=finish.shift is None)

    def finish(
        self, node: Node, sums: FloatArray, bias: BiasChoice | None, finish: Finish
    ) -> LayerQuality:
        """Fix the layer: from accumulators to its output."""
        output = finish(sums, None if bias is None else bias.values)
        return self._keep(node, output, finish.output_scale, bias, wide=finish.shift is None)

    def _keep(
        self, node: Node, output: FloatArray, scale: float, bias: BiasChoice | None, *, wide: bool
    ) -> LayerQuality:
        quality = self._quality(node, output, scale, bias, wide=wide)
        self._forget(node)
        if not wide:
            self._integers[node.output] = output.astype(np.int8)
        return quality

    def _quality(
        self, node: Node, output: FloatArray, scale: float, bias: BiasChoice | None, *, wide: bool
    ) -> LayerQuality:
        seen = self._calibration.layers[node.output]
        real = seen.output.clipped
        signal = float(np.square(real).mean(dtype=np.float64))
        difference = sampled(output, seen.positions) * np.float32(scale) - real
        noise = float(np.square(difference).mean(dtype=np.float64))
        ratio = signal / max(noise, signal * _LEAST_NOISE) if signal else 0.0
        at_limits = (output == DATA_MAX) | (output == DATA_MIN)
        return LayerQuality(
            sqnr_db=10 * float(np.log10(ratio)) if ratio else None,
            saturated=None if wide else float(at_limits.mean()),
            bias_saturated=0 if bias is None else bias.saturated,
        )

    def _run(self, node: Node, model: bytes) -> FloatArray:
        spec = layer_of(node).spec
        inputs = {
            f"x{index}": self._integers[name].reshape(-1, *spec.in_shape)
            for index, name in enumerate(node.inputs)
        }
        return Session(model, self._threads).run(inputs)["y"]

    def _forget(self, node: Node) -> None:
        """Drop the integers that no later layer reads."""
        later = self._network.nodes[self._network.nodes.index(node) + 1 :]
        wanted = {name for other in later for name in other.inputs}
        for name in set(self._integers) - wanted:
            del self._integers[name]
