"""What could have been decided about one layer otherwise, and what it would have cost.

Every alternative is run on the integers that reach the layer in the network as it was quantized;
everything else about the layer is chosen anew for it, as it would be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from mxdeploy.chip.max78000.limits import MAX_OUTPUT_SHIFT
from mxdeploy.ir.network import Node
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork
from mxdeploy.ops.layer import Activation
from mxdeploy.stages.s3_quantize.adaptive import AdaptiveWeights, samples_of
from mxdeploy.stages.s3_quantize.copies import is_copy
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MAX, DATA_MIN
from mxdeploy.stages.s3_quantize.integer_model import WIDE_BITS
from mxdeploy.stages.s3_quantize.measuring import outputs_beyond, weights_cut
from mxdeploy.stages.s3_quantize.options import RangeMethod, WeightBits
from mxdeploy.stages.s3_quantize.quantizer import Quantizer, try_out
from mxdeploy.stages.s3_quantize.rehearsal import Rehearsal
from mxdeploy.stages.s3_quantize.weights import (
    BIAS_STEP,
    WeightChoice,
    WeightProblem,
    Weights,
    choose_narrow,
    choose_wide,
)
from mxdeploy.stages.s3_quantize.wiring import layer_of
from mxdeploy.text import count

_WIDTHS: tuple[WeightBits, ...] = (8, 4, 2, 1)
_SHIFTS = 2
"""Shifts tried to either side of the one chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """One way to decide, and what came of it on the calibration data.

    Attributes:
        decision: what is decided: ``range``, ``weight scale``, ``bias correction``, ``rounding``
            or ``width``.
        name: of this way.
        chosen: whether the layer was quantized so.
        output_scale: real value of one step of the output.
        weight_scale: real value of one step of a weight.
        shift: of the layer; None for 32-bit output.
        sqnr_db: signal to quantization noise of the layer's output; None without signal.
        saturated: share of the outputs at the limits of 8 bits; None for 32-bit output.
        beyond: share of the float network's outputs beyond what the output holds.
        weights_cut: share of the weights beyond their width, cut off.
        biases_cut: number of biases cut off at 8 bits.
        weight_bytes: that the weights take.
    """

    decision: str
    name: str
    chosen: bool
    output_scale: float
    weight_scale: float
    shift: int | None
    sqnr_db: float | None
    saturated: float | None
    beyond: float
    weights_cut: float
    biases_cut: int
    weight_bytes: int


class ExplainingQuantizer(Quantizer):
    """Quantizes a network, and on its way tries all alternatives at one layer."""

    _wanted = ""
    _found: tuple[Alternative, ...] = ()

    def explain(self, name: str) -> tuple[QuantNetwork, tuple[Alternative, ...]]:
        """Quantize; alternatives for the layer ``name``, none if nothing is decided about it."""
        self._wanted = name
        network = self.run()
        layer = next(layer for layer in network.layers if layer.name == name)
        taken = {
            "range": self._options.method,
            "weight scale": f"shift {layer.shift:+d}",
            "bias correction": "on" if self._options.bias_correction else "off",
            "rounding": "adaptive" if self._adaptive else "nearest",
            "width": count(layer.weight_bits, "bit"),
        }
        return network, tuple(
            replace(one, chosen=taken[one.decision] == one.name) for one in self._found
        )

    def _layer(self, node: Node, rehearsal: Rehearsal | None) -> QuantLayer:
        op = layer_of(node)
        decides = op.weight is not None and not is_copy(op)
        if node.name == self._wanted and rehearsal is not None and decides:
            self._found = tuple(self._alternatives(node, rehearsal))
        return super()._layer(node, rehearsal)

    def _alternatives(self, node: Node, rehearsal: Rehearsal) -> Iterator[Alternative]:
        wide = _is_wide(node)
        actual = self._case(node, rehearsal)
        if not wide and self._scales.is_open(node.output):
            for method in get_args(RangeMethod):
                yield _tried("range", method, self._case(node, rehearsal, method=method))
        if not wide:
            for case in _other_scales(actual):
                yield _tried("weight scale", f"shift {case.choice.shift:+d}", case)
        if actual.problem.bias is not None:
            for name in ("on", "off"):
                yield _tried("bias correction", name, replace(actual, correct=name == "on"))
        for name in ("nearest", "adaptive"):
            case = self._case(node, rehearsal, adaptive=name == "adaptive")
            yield _tried("rounding", name, case)
        for bits in _WIDTHS:
            yield _tried("width", count(bits, "bit"), self._case(node, rehearsal, bits=bits))

    def _case(
        self,
        node: Node,
        rehearsal: Rehearsal,
        *,
        method: RangeMethod | None = None,
        adaptive: bool | None = None,
        bits: WeightBits | None = None,
    ) -> _Case:
        """The layer as it would be represented under these conditions; None: the actual ones."""
        spec, wide = layer_of(node).spec, _is_wide(node)
        limits = (-np.inf, np.inf)
        scales = errors = np.zeros(0)
        if not wide:
            scales, errors = self._scales.candidates(node.output, method)
            low = 0 if spec.activation is Activation.RELU else DATA_MIN
            limits = (low * float(scales[0]), DATA_MAX * float(scales[0]))
        problem = self._problem(node, layer_of(node), limits)
        if bits is not None:
            problem = replace(problem, bits=bits)
        weights: Weights = problem
        if self._adaptive if adaptive is None else adaptive:
            seen, operand = rehearsal.seen(node), rehearsal.operand(node)
            samples = samples_of(spec, operand, seen, problem.input_scale)
            weights = AdaptiveWeights(problem, samples, wide=wide)
        choice = (
            choose_wide(weights)
            if wide
            else choose_narrow(weights, scales.tolist(), errors.tolist())
        )
        if choice is None:
            raise ValueError(f"{node.name}: no shift reaches any scale")
        correct = self._options.bias_correction
        return _Case(node, rehearsal, problem, weights, choice, correct)


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """A layer, represented in one way."""

    node: Node
    rehearsal: Rehearsal
    problem: WeightProblem
    weights: Weights
    choice: WeightChoice
    correct: bool


def _is_wide(node: Node) -> bool:
    return layer_of(node).spec.output_bits == WIDE_BITS


def _other_scales(case: _Case) -> Iterator[_Case]:
    """Powers of two around the chosen scale of the weights, with the same scale of the output."""
    choice = case.choice
    for shift in range(choice.shift - _SHIFTS, choice.shift + _SHIFTS + 1):
        factor = case.problem.input_scale * BIAS_STEP / choice.output_scale * 2.0**-shift
        if abs(shift) <= MAX_OUTPUT_SHIFT.value:
            yield replace(case, choice=replace(choice, factor=factor, shift=shift))


def _tried(decision: str, name: str, case: _Case) -> Alternative:
    """Run one alternative on what reaches the layer."""
    trial = try_out(
        case.node, case.problem, case.weights, case.choice, case.rehearsal, correct=case.correct
    )
    quality = case.rehearsal.quality(case.node, trial.sums, trial.bias, trial.finish)
    return Alternative(
        decision=decision,
        name=name,
        chosen=False,
        output_scale=case.choice.output_scale,
        weight_scale=1 / case.choice.factor,
        shift=None if _is_wide(case.node) else case.choice.shift,
        sqnr_db=quality.sqnr_db,
        saturated=quality.saturated,
        beyond=outputs_beyond(case.rehearsal.seen(case.node), trial.finish),
        weights_cut=weights_cut(case.problem, case.choice.factor),
        biases_cut=quality.bias_saturated,
        weight_bytes=(trial.weight.size * case.problem.bits + 7) // 8,
    )
