"""Imported networks evaluated in float64 with numpy: a second reading of ``ops/graph.py``."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mxdeploy.ir.network import LayerOp, Network, Node
from mxdeploy.ops import graph as g

Floats = NDArray[np.float64]
Shape = tuple[int, ...]


def evaluate(network: Network, x: NDArray[np.generic]) -> list[Floats]:
    """All outputs of an imported network for one input without batch dimension."""
    (name,) = network.inputs
    assert x.shape == network.value(name).shape
    data = {name: x.astype(np.float64)}
    for node in network.nodes:
        operands = [data[i] for i in node.inputs]
        shape = network.value(node.output).shape
        result = np.asarray(_node(node, operands, shape), np.float64)
        assert result.shape == shape, f"{node.name}: {result.shape} instead of {shape}"
        data[node.output] = result
    return [data[r.value] for r in network.results]


def _node(node: Node, operands: list[Floats], shape: Shape) -> Floats:  # noqa: C901, PLR0911, PLR0912
    x, op = operands[0], node.op
    assert not isinstance(op, LayerOp | g.Unsupported), f"{node.name}: {op}"
    match op:
        case g.Conv():
            return _conv(op, x)
        case g.ConvTranspose():
            return _conv_transpose(op, x)
        case g.Linear():
            y = x @ op.weight.array.T.astype(np.float64)
            return y if op.bias is None else y + op.bias.array
        case g.Pooling():
            return _pooling(op, x, shape)
        case g.Relu():
            return np.maximum(x, 0)
        case g.Abs():
            return np.abs(x)
        case g.Clip():
            return np.clip(x, op.low, op.high)
        case g.Affine():
            return x * _per_channel(op.scale.array, x) + _per_channel(op.offset.array, x)
        case g.PerElement():
            x = x if op.scale is None else x * op.scale.array.astype(np.float64)
            return x if op.offset is None else x + op.offset.array.astype(np.float64)
        case g.Elementwise():
            assert all(o.shape == x.shape for o in operands)
            first, *others = operands
            total = np.sum(others, axis=0)
            return {"add": first + total, "sub": first - total}[op.function]
        case g.Multiply():
            return np.prod(operands, axis=0)
        case g.Concat():
            return np.concatenate(operands, axis=op.axis)
        case g.Slice():
            assert 0 <= op.start < op.stop <= x.shape[op.axis]
            where = [slice(None)] * x.ndim
            where[op.axis] = slice(op.start, op.stop, op.step)
            return x[tuple(where)]
        case g.Upsample():
            for axis, factor in enumerate(op.factors, 1):
                x = np.repeat(x, factor, axis=axis)
            return x
        case g.Reshape():
            return x.reshape(op.shape)
        case g.Transpose():
            return x.transpose(op.axes)
        case g.Pad():
            return np.pad(x, _pairs(op.pads), constant_values=op.value)
        case g.FakeQuantize():
            steps = np.clip(np.rint(x / op.scale) + op.zero_point, op.low, op.high)
            return (steps - op.zero_point) * op.scale
    return _at_the_end(node, x, shape)


def _at_the_end(node: Node, x: Floats, shape: Shape) -> Floats:  # noqa: PLR0911 - one per operator
    op = node.op
    match op:
        case g.Softmax():
            powers = np.exp(x - x.max(axis=op.axis, keepdims=True))
            return powers / powers.sum(axis=op.axis, keepdims=True)
        case g.Sigmoid():
            return 1 / (1 + np.exp(-x))
        case g.HardSigmoid():
            return np.clip(op.alpha * x + op.beta, 0, 1)
        case g.Tanh():
            return np.tanh(x)
        case g.Exp():
            return np.exp(x)
        case g.LogSoftmax():
            powers = np.exp(x - x.max(axis=op.axis, keepdims=True))
            return np.log(powers / powers.sum(axis=op.axis, keepdims=True))
        case g.ArgMax():
            turned = np.flip(x, op.axis) if op.last else x
            found = turned.argmax(axis=op.axis)
            found = x.shape[op.axis] - 1 - found if op.last else found
            return found.reshape(shape).astype(np.float64)
        case g.TopK():
            order = np.argsort(-x if op.largest else x, axis=op.axis, kind="stable")
            order = order.take(range(op.count), axis=op.axis)
            found = order if op.indices else np.take_along_axis(x, order, axis=op.axis)
            return found.astype(np.float64)
        case g.Reduce():
            function = {"mean": np.mean, "sum": np.sum, "max": np.max, "min": np.min}[op.function]
            return function(x, axis=op.axis).reshape(shape)
    raise AssertionError(f"{node.name}: {type(op).__name__} has no meaning here")


def _pairs(pads: Shape) -> list[tuple[int, int]]:
    half = len(pads) // 2
    return list(zip(pads[:half], pads[half:], strict=True))


def _per_channel(parameter: NDArray[np.generic], x: Floats) -> Floats:
    if parameter.ndim == 0:
        return parameter.astype(np.float64)
    assert parameter.shape == x.shape[:1]
    return parameter.astype(np.float64).reshape(-1, *(1,) * (x.ndim - 1))


def _conv(op: g.Conv, x: Floats) -> Floats:
    weight = op.weight.array.astype(np.float64)
    kernel = weight.shape[2:]
    spread = tuple((k - 1) * d + 1 for k, d in zip(kernel, op.dilations, strict=True))
    padded = np.pad(x, [(0, 0), *_pairs(op.pads)])
    axes = tuple(range(1, x.ndim))
    windows = sliding_window_view(padded, spread, axis=axes)
    keep = (slice(None), *(slice(None, None, s) for s in op.strides))
    windows = windows[(*keep, *(slice(None, None, d) for d in op.dilations))]
    groups = []
    inputs, outputs = len(x) // op.groups, len(weight) // op.groups
    for group in range(op.groups):
        part = windows[group * inputs : (group + 1) * inputs]
        taps = weight[group * outputs : (group + 1) * outputs]
        over = (0, *range(x.ndim, 2 * x.ndim - 1))
        groups.append(np.tensordot(taps, part, axes=(tuple(range(1, weight.ndim)), over)))
    y = np.concatenate(groups)
    return y if op.bias is None else y + _per_channel(op.bias.array, y)


def _conv_transpose(op: g.ConvTranspose, x: Floats) -> Floats:
    weight = op.weight.array.astype(np.float64)
    outputs, inputs = weight.shape[1], len(x) // op.groups
    size = [
        (n - 1) * s + (k - 1) * d + 1 + extra
        for n, s, k, d, extra in zip(
            x.shape[1:], op.strides, weight.shape[2:], op.dilations, op.output_padding, strict=True
        )
    ]
    full = np.zeros((outputs * op.groups, *size))
    for tap in itertools.product(*(range(k) for k in weight.shape[2:])):
        where = [
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, n, s in zip(tap, op.dilations, x.shape[1:], op.strides, strict=True)
        ]
        for group in range(op.groups):
            rows = slice(group * inputs, (group + 1) * inputs)
            matrix = weight[(rows, slice(None), *tap)]
            target = (slice(group * outputs, (group + 1) * outputs), *where)
            full[target] += np.tensordot(matrix, x[rows], axes=(0, 0))
    crop = [slice(b, n - e) for (b, e), n in zip(_pairs(op.pads), size, strict=True)]
    y = full[(slice(None), *crop)]
    return y if op.bias is None else y + _per_channel(op.bias.array, y)


def _pooling(op: g.Pooling, x: Floats, shape: Shape) -> Floats:
    """Window by window, so that every edge is what the definition says."""
    y = np.zeros(shape)
    dilations = op.dilations or (1,) * len(op.size)
    pads = _pairs(op.pads)
    for place in itertools.product(*(range(n) for n in shape[1:])):
        taps: list[list[int]] = []
        cells = 1
        for axis, at in enumerate(place):
            begin, end = pads[axis]
            size, length = op.size[axis], x.shape[axis + 1]
            start = at * op.strides[axis] - begin
            all_taps = [start + k * dilations[axis] for k in range(size)]
            taps.append([t for t in all_taps if 0 <= t < length])
            cells *= sum(t < length + end for t in all_taps)
        window = x[np.ix_(range(len(x)), *taps)].reshape(len(x), -1)
        if op.average:
            count = cells if op.count_include_pad else math.prod(map(len, taps))
            y[(slice(None), *place)] = window.sum(axis=1) / count
        else:
            y[(slice(None), *place)] = window.max(axis=1)
    return y
