"""Quantized networks evaluated with the functions of ``arith``: a judge of integer.onnx."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mxdeploy import arith
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork
from mxdeploy.ops.layer import Activation, Eltwise, Kind, LayerSpec, Pool, PoolKind

Bytes = NDArray[np.int8]


def evaluate(network: QuantNetwork, x: Bytes) -> dict[str, NDArray[np.generic]]:
    """All values of a network for inputs int8 (n, C, H, W), by name; joins included."""
    values: dict[str, NDArray[np.generic]] = {network.input: x}
    for layer in network.layers:
        for name in layer.inputs:
            join = network.join(name)
            if join is not None:
                values[name] = np.concatenate([values[part] for part in join.inputs], axis=1)
        values[layer.output] = _layer(layer, [values[name] for name in layer.inputs])
    return values


def _layer(layer: QuantLayer, inputs: list[NDArray[np.generic]]) -> NDArray[np.generic]:
    spec = layer.spec
    operand = _operand(spec, [x.astype(np.int8).reshape(len(x), *spec.in_shape) for x in inputs])
    if layer.weight is None:
        return operand
    weight = layer.weight.array.astype(np.int8)
    if spec.kind is Kind.CONV_TRANSPOSE2D:
        sums = arith.conv_transpose2d(operand, weight, pad=spec.pad)
    else:
        sums = arith.conv2d(operand, weight, pad=spec.pad)
    if layer.bias is not None:
        sums = arith.add_bias(sums, layer.bias.array.astype(np.int8))
    if spec.output_bits == 32:
        return sums
    narrow = arith.rescale(sums, layer.shift)
    match spec.activation:
        case Activation.RELU:
            return arith.relu(narrow)
        case Activation.ABS:
            return arith.absolute(narrow)
        case Activation.NONE:
            return narrow


def _operand(spec: LayerSpec, inputs: list[Bytes]) -> Bytes:
    match spec.eltwise, spec.pool:
        case None, None:
            return inputs[0]
        case None, Pool() as pool:
            return _pool(pool, inputs[0])
        case Eltwise() as eltwise, None:
            return arith.combine(eltwise.function, inputs)
        case Eltwise() as eltwise, Pool() as pool:
            if eltwise.pool_first:
                return arith.combine(eltwise.function, [_pool(pool, x) for x in inputs])
            return _pool(pool, arith.combine(eltwise.function, inputs))
    raise AssertionError("unreachable")


def _pool(pool: Pool, x: Bytes) -> Bytes:
    function = arith.max_pool if pool.kind is PoolKind.MAX else arith.average_pool
    return function(x, pool.size, pool.stride)
