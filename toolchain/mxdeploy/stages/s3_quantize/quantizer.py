"""Fixes the integers of one layer after the other.

Each layer's integers are chosen when the integers of its inputs are known, so that what one layer
loses is seen, and partly taken up, by the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000.limits import DATA_BITS, MAX_OUTPUT_SHIFT
from mxdeploy.errors import ModelError
from mxdeploy.ir.measurement import LayerMeasurement
from mxdeploy.ir.network import LayerOp, Network, Node
from mxdeploy.ir.quantized import Join, LayerQuality, QuantLayer, QuantNetwork, QuantValue
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import Activation, Kind
from mxdeploy.stages.s3_quantize import findings
from mxdeploy.stages.s3_quantize.adaptive import AdaptiveWeights, samples_of
from mxdeploy.stages.s3_quantize.bias import BiasChoice, Finish, measured_bias, rounded_bias
from mxdeploy.stages.s3_quantize.calibration import Calibration, sampled
from mxdeploy.stages.s3_quantize.copies import is_copy
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MAX, DATA_MIN
from mxdeploy.stages.s3_quantize.integer_model import WIDE_BITS
from mxdeploy.stages.s3_quantize.layer_graph import features_of
from mxdeploy.stages.s3_quantize.measuring import Decision, measured
from mxdeploy.stages.s3_quantize.options import QuantizeOptions, WeightBits
from mxdeploy.stages.s3_quantize.rehearsal import Rehearsal
from mxdeploy.stages.s3_quantize.scales import Scales
from mxdeploy.stages.s3_quantize.weights import (
    BIAS_STEP,
    Statistics,
    WeightChoice,
    WeightProblem,
    Weights,
    choose_narrow,
    choose_wide,
    extremes_and_some,
    lossless,
    supposed_statistics,
)
from mxdeploy.stages.s3_quantize.widths import is_adaptive
from mxdeploy.stages.s3_quantize.wiring import chip_shapes, is_join, layer_of

DoubleArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Parameters:
    """A layer's parameters in integers."""

    weight: NDArray[np.int8]
    bits: WeightBits
    bias: BiasChoice | None
    shift: int


class Quantizer:
    """Goes through the network and fixes one layer after the other."""

    adaptive: type[AdaptiveWeights] = AdaptiveWeights
    """How weights are treated that are rounded for the layer's output."""

    def __init__(
        self,
        network: Network,
        scales: Scales,
        calibration: Calibration | None,
        options: QuantizeOptions,
        widths: Mapping[str, WeightBits],
    ) -> None:
        """Start before the first layer; :meth:`run` does the work."""
        self._network = network
        self._scales = scales
        self._calibration = calibration
        self._options = options
        self._shapes = chip_shapes(network)
        self._widths = widths
        self._adaptive = is_adaptive(options, widths)
        self._layers: tuple[QuantLayer, ...] = ()
        self._joins: tuple[Join, ...] = ()
        source = network.inputs[0]
        scales.fix_input(source)
        self._rehearsal: Rehearsal | None = None
        if calibration is not None:
            self._rehearsal = Rehearsal(network, calibration, options.threads)
            self._rehearsal.start(source, self._shapes[source], scales[source])

    def fork(self, widths: Mapping[str, WeightBits]) -> Self:
        """One that goes on from here with other widths of the layers that are not fixed yet."""
        other = copy(self)
        other._widths = widths  # noqa: SLF001
        other._scales = self._scales.fork()  # noqa: SLF001
        other._rehearsal = None if self._rehearsal is None else self._rehearsal.fork()  # noqa: SLF001
        return other

    def advance(self) -> None:
        """Fix the next node."""
        node = self._network.nodes[len(self._layers) + len(self._joins)]
        if is_join(node):
            join = Join(inputs=node.inputs, output=node.output, origin=node.origin)
            self._joins = (*self._joins, join)
            if self._rehearsal is not None:
                self._rehearsal.join(node)
        else:
            self._layers = (*self._layers, self._layer(node, self._rehearsal))

    def run(self) -> QuantNetwork:
        """Fix all nodes that are not fixed yet."""
        network, source = self._network, self._network.inputs[0]
        while len(self._layers) + len(self._joins) < len(network.nodes):
            self.advance()
        bits = {layer.output: layer.spec.output_bits for layer in self._layers}
        return QuantNetwork(
            name=network.name,
            values=tuple(self._value(n, bits.get(n, DATA_BITS.value)) for n in self._shapes),
            input=source,
            outputs=network.outputs,
            layers=self._layers,
            joins=self._joins,
            head=network.head,
            tail=network.tail,
            results=network.results,
            parts=network.parts,
            model=network.model,
            rewrites=network.rewrites,
            source_digest=network.source_digest,
        )

    def _value(self, name: str, bits: int) -> QuantValue:
        value = self._network.value(name)
        return QuantValue(
            name=name,
            shape=self._shapes[name],
            scale=self._scales[name],
            bits=bits,
            origin=value.origin,
            model_shape=value.shape,
        )

    def _layer(self, node: Node, rehearsal: Rehearsal | None) -> QuantLayer:
        op = layer_of(node)
        if op.spec.kind is Kind.PASSTHROUGH:
            scale = self._scales[node.inputs[0]]
            quality = None if rehearsal is None else rehearsal.pass_through(node, scale)
            return self._quant_layer(node, None, quality)
        if is_copy(op) and self._scales.shared(node.inputs[0], node.output):
            problem = self._problem(node, replace(op, bias=None), (-np.inf, np.inf))
            choice = lossless(problem.input_scale, problem.bits)
            return self._finished(node, problem, problem, choice, rehearsal)
        if op.spec.output_bits == WIDE_BITS:
            problem = self._problem(node, op, (-np.inf, np.inf))
            weights = self._weights(node, problem, rehearsal)
            return self._finished(node, problem, weights, choose_wide(weights), rehearsal)
        scales, errors = self._scales.candidates(node.output)
        top = float(scales[0])
        low = 0 if op.spec.activation is Activation.RELU else DATA_MIN
        problem = self._problem(node, op, (low * top, DATA_MAX * top))
        weights = self._weights(node, problem, rehearsal)
        chosen = choose_narrow(weights, scales.tolist(), errors.tolist())
        if chosen is None:
            ratio = problem.input_scale * BIAS_STEP / top / problem.fitting_factor
            limit = MAX_OUTPUT_SHIFT.value
            raise ModelError(findings.unreachable_scale(node.name, ratio, limit))
        return self._finished(node, problem, weights, chosen, rehearsal)

    def _weights(self, node: Node, problem: WeightProblem, rehearsal: Rehearsal | None) -> Weights:
        """The layer's weights as the chosen way of rounding treats them."""
        if rehearsal is None or self._calibration is None or not self._adaptive:
            return problem
        spec, seen = layer_of(node).spec, self._calibration.layers[node.output]
        samples = samples_of(spec, rehearsal.operand(node), seen, problem.input_scale)
        return self.adaptive(problem, samples, wide=spec.output_bits == WIDE_BITS)

    def _finished(
        self,
        node: Node,
        problem: WeightProblem,
        weights: Weights,
        choice: WeightChoice,
        rehearsal: Rehearsal | None,
    ) -> QuantLayer:
        """The layer with integers, and the calibration data behind it."""
        op = layer_of(node)
        range_from = self._scales.origin(node.output)
        self._scales.fix(node.output, choice.output_scale)
        if rehearsal is None:
            weight, plain, _ = _integers(op, problem, weights, choice)
            bias = None if plain is None else rounded_bias(plain)
            saturated = 0 if bias is None else bias.saturated
            quality = LayerQuality(sqnr_db=None, saturated=None, bias_saturated=saturated)
        else:
            correct = self._options.bias_correction
            trial = try_out(node, problem, weights, choice, rehearsal, correct=correct)
            weight, bias = trial.weight, trial.bias
            measurement = None
            if self._options.measure:
                measurement = self._measured(node, problem, trial, rehearsal, range_from)
            quality = replace(
                rehearsal.finish(node, trial.sums, bias, trial.finish), measurement=measurement
            )
        parameters = _Parameters(weight, problem.bits, bias, choice.shift)
        return self._quant_layer(node, parameters, quality)

    def _measured(
        self,
        node: Node,
        problem: WeightProblem,
        trial: Trial,
        rehearsal: Rehearsal,
        range_from: str,
    ) -> LayerMeasurement:
        """What was decided about a layer, and what it costs."""
        op = layer_of(node)
        if op.weight is None:
            raise ValueError(f"{node.name}: {op.spec.kind} without weights")
        seen = rehearsal.seen(node)
        decision = Decision(
            problem=problem,
            weight=trial.weight,
            bias=trial.bias,
            finish=trial.finish,
            sums=sampled(trial.sums, seen.positions),
            real_sums=rehearsal.real_sums(node, op.weight.array.astype(np.float32)),
            range_from=range_from,
        )
        return measured(decision, seen)

    def _problem(self, node: Node, op: LayerOp, limits: tuple[float, float]) -> WeightProblem:
        if op.weight is None:
            raise ValueError(f"{node.name}: {op.spec.kind} without weights")
        features = features_of(op.spec, op.weight.array.astype(np.float32))
        bias = None if op.bias is None else op.bias.array.astype(np.float64)
        scale = self._scales[node.inputs[0]]
        if self._calibration is None:
            statistics = supposed_statistics(features, bias, scale * DATA_MAX)
        else:
            seen = self._calibration.layers[node.output]
            statistics = Statistics(
                mean=seen.mean,
                variance=seen.variance,
                active=seen.active,
                raw=extremes_and_some(seen.raw),
            )
        if not self._options.bias_correction:
            statistics = statistics.without_mean()
        return WeightProblem(
            features=features,
            bias=bias,
            statistics=statistics,
            limits=limits,
            input_scale=scale,
            bits=self._widths[node.name],
        )

    def _quant_layer(
        self, node: Node, parameters: _Parameters | None, quality: LayerQuality | None
    ) -> QuantLayer:
        weight = bias = None
        bits: WeightBits = 8
        if parameters is not None:
            weight, bits = Tensor(parameters.weight), parameters.bits
            bias = None if parameters.bias is None else Tensor(parameters.bias.values)
        return QuantLayer(
            name=node.name,
            spec=layer_of(node).spec,
            inputs=node.inputs,
            output=node.output,
            weight=weight,
            weight_bits=bits,
            bias=bias,
            shift=0 if parameters is None else parameters.shift,
            origin=node.origin,
            quality=quality,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A layer in integers, run on the calibration data.

    Attributes:
        weight: of shape ``spec.weight_shape``.
        bias: integers; None: the layer has none.
        finish: from sums to outputs.
        sums: of all pixels, without biases.
    """

    weight: NDArray[np.int8]
    bias: BiasChoice | None
    finish: Finish
    sums: NDArray[np.float32]


def try_out(
    node: Node,
    problem: WeightProblem,
    weights: Weights,
    choice: WeightChoice,
    rehearsal: Rehearsal,
    *,
    correct: bool,
) -> Trial:
    """Run a layer as chosen on the integers that reach it; nothing is fixed.

    Args:
        node: the layer.
        problem: its real parameters.
        weights: how they are rounded.
        choice: scales and shift.
        rehearsal: where its inputs are.
        correct: let biases take up mean errors where that helps.
    """
    op = layer_of(node)
    weight, plain, wanted = _integers(op, problem, weights, choice)
    finish = _finish(op, problem, choice)
    sums = rehearsal.accumulate(node, weight)
    bias = None if plain is None else rounded_bias(plain)
    if correct and plain is not None and wanted is not None:
        bias = measured_bias(plain, wanted, *rehearsal.compared(node, sums), finish)
    return Trial(weight, bias, finish, sums)


def _integers(
    op: LayerOp, problem: WeightProblem, weights: Weights, choice: WeightChoice
) -> tuple[NDArray[np.int8], DoubleArray | None, DoubleArray | None]:
    """Integer weights; biases in integer steps, as they are and as the weights' errors want them.

    The biases are not rounded, None where the layer has none.
    """
    integers = weights.rounded(choice, op.spec)
    weight = integers.reshape(op.spec.weight_shape or ()).astype(np.int8)
    if problem.bias is None:
        return weight, None, None
    plain: DoubleArray = problem.bias * choice.factor / (BIAS_STEP * problem.input_scale)
    return weight, plain, weights.wanted_bias(choice.factor, integers)


def _finish(op: LayerOp, problem: WeightProblem, choice: WeightChoice) -> Finish:
    wide = op.spec.output_bits == WIDE_BITS
    return Finish(
        accumulator_scale=problem.input_scale / choice.factor,
        output_scale=choice.output_scale,
        shift=None if wide else choice.shift,
        activation=Activation.NONE if wide else op.spec.activation,
    )
