"""What the layers compute, where that is not the network as it is, gives the same tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mxdeploy.arith.arrays import DATA_MAX, DATA_MIN
from mxdeploy.arith.post import absolute, relu, rescale
from mxdeploy.chip.max78000.layouts import BIAS_FACTOR
from mxdeploy.errors import Diagnostic
from mxdeploy.ir.plan import Plan
from mxdeploy.ir.quantized import QuantLayer
from mxdeploy.ops.layer import Activation

_Integers = npt.NDArray[np.int32]


def structure(plan: Plan) -> Iterator[Diagnostic]:
    """The same layers and values, some of them with further channels."""
    try:
        plan.verify()
    except ValueError as error:
        yield _finding("plan", f"its layers do not compute the network: {error}")


def same_tensors(plan: Plan) -> Iterator[Diagnostic]:
    """Every layer computes the network's values; further channels are the same everywhere."""
    if plan.realization is None:
        return
    network, wide = plan.network, plan.realization
    if not DATA_MIN <= plan.input_fill <= DATA_MAX:
        yield _finding("plan", f"{plan.input_fill} fills channels of the input, which has 8 bits")
        return
    further = wide.value(wide.input).shape[0] - network.value(network.input).shape[0]
    constants = {wide.input: np.full(further, plan.input_fill, np.int32)}
    for layer, computed in zip(network.layers, wide.layers, strict=True):
        none = np.zeros(0, np.int32)
        # Several operands, and parts of a join, have no further channels.
        read = constants.get(layer.inputs[0], none) if len(layer.inputs) == 1 else none
        wrong = _differences(layer, computed, read)
        if wrong:
            yield _finding(layer.name, wrong)
            return
        constants[layer.output] = _made(layer, computed, read)


def _finding(where: str, what: str) -> Diagnostic:
    return Diagnostic(
        code="MX4152",
        where=where,
        what=what,
        why="what the layers compute must be what the network says",
    )


def _differences(layer: QuantLayer, computed: QuantLayer, constants: _Integers) -> str:
    """What a layer computes otherwise than it should; ``constants`` of its further inputs."""
    if layer.weight is None or computed.weight is None:
        return "" if computed == layer and not constants.size else "passes something else through"
    inputs = layer.spec.in_channels
    if computed.spec.in_channels != inputs + constants.size:
        found = computed.spec.in_channels
        return f"reads {found} channels, not {inputs} and {constants.size} constant ones"
    if not _is_own_part(layer, computed):
        return "has other weights, another shift or another geometry"
    return _wrong_constants(layer, computed, constants)


def _is_own_part(layer: QuantLayer, computed: QuantLayer) -> bool:
    """Without further channels and biases it is the layer, perhaps with a larger kernel."""
    if layer.weight is None or computed.weight is None:
        return False
    wanted = layer.weight.array
    outputs, inputs = wanted.shape[:2]
    spec = replace(computed.spec, in_channels=inputs, out_channels=outputs)
    if layer.spec.kernel == (1, 1) and spec.kernel == (3, 3) and spec.pad == (1, 1):
        spec = replace(spec, kernel=(1, 1), pad=(0, 0))
        wanted = np.pad(wanted, ((0, 0), (0, 0), (1, 1), (1, 1)))
    same = replace(computed, spec=spec, weight=layer.weight, bias=layer.bias) == layer
    return same and np.array_equal(computed.weight.array[:outputs, :inputs], wanted)


def _wrong_constants(layer: QuantLayer, computed: QuantLayer, constants: _Integers) -> str:
    """Constants are read where no padding is, add up to the biases, and come of nothing else."""
    if computed.weight is None:
        return ""
    weight = computed.weight.array
    outputs, inputs = layer.spec.out_channels, layer.spec.in_channels
    if constants.size and (max(computed.spec.pad) > 1 or _beside_centre(weight[:, inputs:])):
        return "reads constants at places where padding may be"
    if weight[outputs:, :inputs].any():
        return "makes constants of what is none"
    added = _centre(weight[:outputs, inputs:]) @ constants
    added += BIAS_FACTOR * _bias(computed)[:outputs]
    if not np.array_equal(added, BIAS_FACTOR * _bias(layer)):
        return f"adds {added.tolist()} in place of its biases"
    return ""


def _made(layer: QuantLayer, computed: QuantLayer, constants: _Integers) -> _Integers:
    """The constants in the further channels of a layer's output."""
    if layer.weight is None or computed.weight is None:
        return np.zeros(0, np.int32)
    outputs, inputs = layer.weight.array.shape[:2]
    sums = _centre(computed.weight.array[outputs:, inputs:]) @ constants
    sums = (sums + BIAS_FACTOR * _bias(computed)[outputs:]).astype(np.int32)
    data = rescale(sums, computed.shift)
    if computed.spec.activation is Activation.RELU:
        data = relu(data)
    elif computed.spec.activation is Activation.ABS:
        data = absolute(data)
    return data.astype(np.int32)


def _bias(layer: QuantLayer) -> _Integers:
    if layer.bias is None:
        return np.zeros(layer.spec.out_channels, np.int32)
    return layer.bias.array.astype(np.int32)


def _centre(weight: npt.NDArray[np.generic]) -> _Integers:
    rows, columns = weight.shape[2:]
    return weight[:, :, rows // 2, columns // 2].astype(np.int32)


def _beside_centre(weight: npt.NDArray[np.generic]) -> bool:
    rows, columns = weight.shape[2:]
    beside = weight.copy()
    beside[:, :, rows // 2, columns // 2] = 0
    return bool(beside.any())
