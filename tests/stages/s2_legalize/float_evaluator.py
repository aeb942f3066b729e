"""Legalized networks evaluated in float with numpy; layers without the package's arithmetic."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mxdeploy.arith.head import apply_head
from mxdeploy.arith.tail import apply_tail
from mxdeploy.ir.network import LayerOp, Network, Range
from mxdeploy.ops.graph import Concat
from mxdeploy.ops.layer import Activation, EltwiseFunction, Kind, Pool, PoolKind

Floats = NDArray[np.float64]


def evaluate(network: Network, x: NDArray[np.float32], *, rounded: bool = False) -> list[Floats]:
    """Outputs for one input of the model, without batch dimension.

    With ``rounded``, values with a declared range are rounded to it.
    """
    (name,) = network.inputs
    prepared = apply_head(network.head, x[np.newaxis])[0].astype(np.float64)
    data = {name: _finish(network, name, prepared, rounded=rounded)}
    for node in network.nodes:
        operands = [data[name] for name in node.inputs]
        if isinstance(node.op, LayerOp):
            result = _layer(node.op, operands)
        else:
            assert node.op == Concat(axis=0)
            result = np.concatenate([d.reshape(len(d), *_size(d)) for d in operands])
        data[node.output] = _finish(network, node.output, result, rounded=rounded)
    outputs = {
        name: data[name].reshape(1, *network.value(name).shape).astype(np.float32)
        for name in network.outputs
    }
    values = apply_tail(network.tail, outputs)
    return [np.asarray(values[r.value][0], np.float64) for r in network.results]


def _finish(network: Network, name: str, data: Floats, *, rounded: bool) -> Floats:
    value = network.value(name)
    if value.clip is not None:
        data = np.clip(data, *value.clip)
    if rounded and isinstance(value.declared, Range):
        scale, zero = value.declared.scale, value.declared.zero_point
        data = (np.clip(np.rint(data / scale) + zero, -128, 127) - zero) * scale
    return data


def _size(data: Floats) -> tuple[int, int]:
    rows, columns = (*data.shape[1:], 1, 1)[:2]
    return rows, columns


def _operand(op: LayerOp, operands: list[Floats]) -> Floats:
    """What the layer convolves: its operands pooled and combined, in either order."""
    spec = op.spec
    operands = [data.reshape(spec.in_shape) for data in operands]
    assert len(operands) == spec.operands
    if spec.eltwise is None:
        (data,) = operands
        return data if spec.pool is None else _pool(spec.pool, data)
    if spec.pool is not None and spec.eltwise.pool_first:
        operands = [_pool(spec.pool, data) for data in operands]
    sign = {EltwiseFunction.ADD: 1, EltwiseFunction.SUB: -1}[spec.eltwise.function]
    total = operands[0] + sign * sum(operands[1:])
    if op.combined_clip is not None:
        total = np.clip(total, *op.combined_clip)
    if spec.pool is not None and not spec.eltwise.pool_first:
        return _pool(spec.pool, total)
    return total


def _layer(op: LayerOp, operands: list[Floats]) -> Floats:
    spec = op.spec
    data = _operand(op, operands)
    assert data.shape[1:] == spec.pooled_size
    if spec.kind is Kind.PASSTHROUGH:
        return data
    assert op.weight is not None
    weight = op.weight.array.astype(np.float64)
    assert weight.shape == spec.weight_shape
    if spec.kind is Kind.CONV_TRANSPOSE2D:
        spread = np.zeros((data.shape[0], 2 * data.shape[1], 2 * data.shape[2]))
        spread[:, ::2, ::2] = data
        data = spread
    pads = [(0, 0), *((p, p) for p in spec.pad)]
    windows = sliding_window_view(np.pad(data, pads), weight.shape[2:], axis=(1, 2))
    result = np.einsum("crxkl,ockl->orx", windows, weight)
    if op.bias is not None:
        result += op.bias.array.astype(np.float64)[:, None, None]
    assert result.shape == spec.out_shape
    if spec.activation is Activation.RELU:
        return np.maximum(result, 0)
    return np.abs(result) if spec.activation is Activation.ABS else result


def _pool(pool: Pool, data: Floats) -> Floats:
    windows = sliding_window_view(data, pool.size, axis=(1, 2))
    windows = windows[:, :: pool.stride, :: pool.stride]
    if pool.kind is PoolKind.MAX:
        return windows.max(axis=(3, 4))
    return windows.mean(axis=(3, 4))
