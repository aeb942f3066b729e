"""Quantization, layer by layer in the order of the network.

Each layer's integers are chosen when the integers of its inputs are known, so that what one layer
loses is seen, and partly taken up, by the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000.limits import DATA_BITS, MAX_OUTPUT_SHIFT
from mxdeploy.errors import ModelError
from mxdeploy.ir.network import LayerOp, Network, Node
from mxdeploy.ir.quantized import Join, LayerQuality, QuantLayer, QuantNetwork, QuantValue
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import Activation, Kind
from mxdeploy.stages.s3_quantize import findings
from mxdeploy.stages.s3_quantize.bias import BiasChoice, Finish, measured_bias, rounded_bias
from mxdeploy.stages.s3_quantize.bounds import with_bounds
from mxdeploy.stages.s3_quantize.calibration import Calibration, calibrate, check_data
from mxdeploy.stages.s3_quantize.copies import is_copy
from mxdeploy.stages.s3_quantize.groups import scale_groups
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MAX, DATA_MIN
from mxdeploy.stages.s3_quantize.integer_model import WIDE_BITS
from mxdeploy.stages.s3_quantize.layer_graph import features_of
from mxdeploy.stages.s3_quantize.options import QuantizeOptions, WeightBits
from mxdeploy.stages.s3_quantize.rehearsal import Rehearsal
from mxdeploy.stages.s3_quantize.scales import Scales
from mxdeploy.stages.s3_quantize.weights import (
    BIAS_STEP,
    Statistics,
    WeightChoice,
    WeightProblem,
    choose_narrow,
    choose_wide,
    lossless,
    supposed_statistics,
)
from mxdeploy.stages.s3_quantize.widths import layer_widths
from mxdeploy.stages.s3_quantize.wiring import chip_shapes, is_join, layer_of


def quantize(
    network: Network,
    calibration: NDArray[np.generic] | None,
    options: QuantizeOptions | None = None,
) -> QuantNetwork:
    """Turn a legalized float network into integers.

    Args:
        network: every node is a hardware layer or a join.
        calibration: representative inputs (after ``network.head``), (n, *shape of the input), real
            numbers in the model's own units; None when the model declares its ranges.
        options: what the user chose.

    Returns:
        The integer network; with calibration, every layer says what quantization did to it.

    Raises:
        UsageError: the calibration data are unusable, or needed and missing; a width is given for
            a layer that is not there.
        ModelError: declared ranges that the accelerator cannot represent.
    """
    options = options or QuantizeOptions()
    network.verify()
    network = with_bounds(network)
    groups, declared = scale_groups(network)
    if declared:
        raise ModelError(declared)
    if len(network.inputs) != 1:
        raise ModelError(findings.several_inputs(list(network.inputs)))
    seen = None
    if calibration is not None:
        data = check_data(network.value(network.inputs[0]), calibration)
        seen = calibrate(network, data, options)
    scales = Scales(network, groups, seen, options)
    result = _Quantizer(network, scales, seen, options).run()
    result.verify()
    return result


@dataclass(frozen=True, slots=True)
class _Parameters:
    """A layer's parameters in integers."""

    weight: NDArray[np.int8]
    bits: WeightBits
    bias: BiasChoice | None
    shift: int


class _Quantizer:
    """Goes through the network and fixes one layer after the other."""

    def __init__(
        self,
        network: Network,
        scales: Scales,
        calibration: Calibration | None,
        options: QuantizeOptions,
    ) -> None:
        self._network = network
        self._scales = scales
        self._calibration = calibration
        self._options = options
        self._shapes = chip_shapes(network)
        self._widths = layer_widths(network, options)

    def run(self) -> QuantNetwork:
        """Quantize the input, then every layer."""
        network = self._network
        source = network.inputs[0]
        self._scales.fix_input(source)
        rehearsal = None
        if self._calibration is not None:
            rehearsal = Rehearsal(network, self._calibration, self._options.threads)
            rehearsal.start(source, self._shapes[source], self._scales[source])
        layers, joins = [], []
        for node in network.nodes:
            if is_join(node):
                joins.append(Join(inputs=node.inputs, output=node.output, origin=node.origin))
                if rehearsal is not None:
                    rehearsal.join(node)
            else:
                layers.append(self._layer(node, rehearsal))
        bits = {layer.output: layer.spec.output_bits for layer in layers}
        return QuantNetwork(
            name=network.name,
            values=tuple(self._value(n, bits.get(n, DATA_BITS.value)) for n in self._shapes),
            input=source,
            outputs=network.outputs,
            layers=tuple(layers),
            joins=tuple(joins),
            head=network.head,
            tail=network.tail,
            results=network.results,
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
        problem, choice = self._choose(node, op)
        self._scales.fix(node.output, choice.output_scale)
        integers = problem.integers(choice.factor)
        weight = integers.reshape(op.spec.weight_shape or ()).astype(np.int8)
        plain = None
        if problem.bias is not None:
            plain = problem.bias * choice.factor / (BIAS_STEP * problem.input_scale)
        bias = None if plain is None else rounded_bias(plain)
        if rehearsal is None:
            saturated = 0 if bias is None else bias.saturated
            quality = LayerQuality(sqnr_db=None, saturated=None, bias_saturated=saturated)
            return self._quant_layer(
                node, _Parameters(weight, problem.bits, bias, choice.shift), quality
            )
        finish = _finish(op, problem, choice)
        sums = rehearsal.accumulate(node, weight)
        wanted = problem.wanted_bias(choice.factor, integers)
        if self._options.bias_correction and plain is not None and wanted is not None:
            bias = measured_bias(plain, wanted, *rehearsal.compared(node, sums), finish)
        quality = rehearsal.finish(node, sums, bias, finish)
        return self._quant_layer(
            node, _Parameters(weight, problem.bits, bias, choice.shift), quality
        )

    def _choose(self, node: Node, op: LayerOp) -> tuple[WeightProblem, WeightChoice]:
        """The scales of a layer's weights and output."""
        scale = self._scales[node.inputs[0]]
        if op.spec.output_bits == WIDE_BITS:
            problem = self._problem(node, op, (-np.inf, np.inf))
            return problem, choose_wide(problem)
        if is_copy(op) and self._scales.shared(node.inputs[0], node.output):
            problem = self._problem(node, replace(op, bias=None), (-np.inf, np.inf))
            return problem, lossless(scale, problem.bits)
        scales, errors = self._scales.candidates(node.output)
        low = 0 if op.spec.activation is Activation.RELU else DATA_MIN
        problem = self._problem(node, op, (low * float(scales[0]), DATA_MAX * float(scales[0])))
        choice = choose_narrow(problem, scales.tolist(), errors.tolist())
        if choice is None:
            ratio = scale * BIAS_STEP / float(scales[0]) / problem.fitting_factor
            limit = MAX_OUTPUT_SHIFT.value
            raise ModelError(findings.unreachable_scale(node.name, ratio, limit))
        return problem, choice

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
                mean=seen.mean, variance=seen.variance, active=seen.active, raw=seen.raw
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


def _finish(op: LayerOp, problem: WeightProblem, choice: WeightChoice) -> Finish:
    wide = op.spec.output_bits == WIDE_BITS
    return Finish(
        accumulator_scale=problem.input_scale / choice.factor,
        output_scale=choice.output_scale,
        shift=None if wide else choice.shift,
        activation=Activation.NONE if wide else op.spec.activation,
    )
