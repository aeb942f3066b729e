"""The scale of every value: declared by the model, implied by a clip, or from calibration."""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

from mxdeploy.errors import UsageError
from mxdeploy.ir.network import Network
from mxdeploy.stages.s3_quantize import findings
from mxdeploy.stages.s3_quantize.calibration import Calibration
from mxdeploy.stages.s3_quantize.groups import ScaleGroup
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MIN
from mxdeploy.stages.s3_quantize.integer_model import WIDE_BITS
from mxdeploy.stages.s3_quantize.options import QuantizeOptions, RangeMethod
from mxdeploy.stages.s3_quantize.ranges import (
    Seen,
    covering_scale,
    natural_step,
    representation_error,
    scale_candidates,
    scale_of_clip,
)
from mxdeploy.stages.s3_quantize.wiring import is_join, layer_nodes, layer_of

DoubleArray = NDArray[np.float64]

_GUESS = 1 / -DATA_MIN


class Scales:
    """Scales as they are fixed, in the order of the network.

    A group's scale is fixed when the first of its values is computed; candidates until then.
    """

    def __init__(
        self,
        network: Network,
        groups: tuple[ScaleGroup, ...],
        calibration: Calibration | None,
        options: QuantizeOptions,
    ) -> None:
        """Start with what the model itself says.

        Raises:
            UsageError: a range is unknown and there are no calibration data.
        """
        self._network = network
        self._group = {name: group for group in groups for name in group.values}
        self._calibration = calibration
        self._method = options.method
        self._fixed: dict[str, float] = {}
        unknown = []
        for group in groups:
            scale = group.declared
            if scale is None and calibration is None:
                scale = self._implied(group)
                if scale is None and options.guess_ranges:
                    scale = _GUESS
                if scale is None and not self._is_wide(group):
                    unknown.append(group.values[0])
            if scale is not None:
                self.fix(group.values[0], scale)
        if unknown:
            raise UsageError(findings.no_range(unknown))

    def fork(self) -> Scales:
        """The scales as they are fixed now; what is fixed later in one is open in the other."""
        other = copy(self)
        other._fixed = dict(self._fixed)  # noqa: SLF001
        return other

    def __getitem__(self, name: str) -> float:
        """The scale of value ``name``; KeyError before it is fixed."""
        return self._fixed[name]

    def origin(self, name: str) -> str:
        """What the scale that ``name`` will get comes from, in words; before it is fixed."""
        value = self._network.value(name)
        if value.declared is not None:
            return "the model (QuantizeLinear)"
        if name in self._fixed:
            return f"{self._group[name].values[0]}, which shares it"
        if self._is_wide(self._group[name]):
            return "the accumulator (32 bits)"
        clip = " within the model's clip" if value.clip is not None else ""
        return f"calibration ({self._method}){clip}"

    def shared(self, first: str, second: str) -> bool:
        """Whether two values have one scale by necessity."""
        return self._group[first] is self._group[second]

    def fix(self, name: str, scale: float) -> None:
        """Give ``name``, and all that share its scale, this scale."""
        for member in self._group[name].values:
            self._fixed[member] = scale

    def fix_input(self, name: str) -> None:
        """Give the network's input a scale.

        Data that lie on an 8-bit grid of their own keep it; other data get the best range.
        """
        if name in self._fixed:
            return
        first, *others = self._seen(name)
        step = natural_step(first.samples)
        if step is not None and all(covering_scale(other) <= step for other in others):
            self.fix(name, step)
            return
        scales, errors = self.candidates(name)
        self.fix(name, float(scales[int(np.argmin(errors))]))

    def is_open(self, name: str) -> bool:
        """Whether the scale of value ``name`` is still to be decided."""
        return name not in self._fixed

    def candidates(
        self, name: str, method: RangeMethod | None = None
    ) -> tuple[DoubleArray, DoubleArray]:
        """Scales that value ``name`` may take, and the error of representing it at each.

        ``method`` is another one than that of the options.
        """
        if name in self._fixed:
            return np.array([self._fixed[name]]), np.zeros(1)
        seen = self._seen(name)
        scales = scale_candidates(seen, method or self._method)
        if not scales.size:
            # The value was zero throughout: the scale of the input is as good as any.
            scales = np.array([self._fixed[self._network.inputs[0]]])
        return scales, representation_error(seen, scales)

    def _seen(self, name: str) -> list[Seen]:
        """Samples of all that shares the scale of ``name``, the sums of operands included."""
        calibration = self._calibration
        if calibration is None:
            raise ValueError(f"{name}: no calibration data")
        network, members = self._network, self._group[name].values
        joins = {node.output for node in network.nodes if is_join(node)}
        seen = [
            calibration.layers[member].output
            if member in calibration.layers
            else Seen(samples=calibration.data, clip=network.value(member).clip)
            for member in members
            if member not in joins
        ]
        for node in layer_nodes(network):
            combined = calibration.layers[node.output].combined
            if combined is not None and node.inputs[0] in members:
                seen.append(combined)
        return seen

    def _implied(self, group: ScaleGroup) -> float | None:
        bounds = [self._network.value(name).clip for name in group.values]
        bounds += [
            layer_of(node).combined_clip
            for node in layer_nodes(self._network)
            if node.inputs[0] in group.values
        ]
        clips = [scale_of_clip(clip) for clip in bounds]
        return max((clip for clip in clips if clip is not None), default=None)

    def _is_wide(self, group: ScaleGroup) -> bool:
        producer = self._network.producer(group.values[0])
        if producer is None or is_join(producer):
            return False
        return layer_of(producer).spec.output_bits == WIDE_BITS
