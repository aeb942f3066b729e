"""The CPU's steps behind the network, in torch: for gradients, not for the last bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import torch
from torch import Tensor

from mxdeploy.ir import tensor as ir
from mxdeploy.ops import graph as ops
from mxdeploy.ops.tail import TailChoice, TailFunction, TailMove, TailStep

_SIMPLE: dict[type, Callable[[Tensor], Tensor]] = {
    ops.Relu: torch.relu,
    ops.Abs: torch.abs,
    ops.Sigmoid: torch.sigmoid,
    ops.Tanh: torch.tanh,
    ops.Exp: torch.exp,
}
_REDUCTIONS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "mean": torch.mean,
    "sum": torch.sum,
    "max": torch.amax,
    "min": torch.amin,
}
_PAIRS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"add": torch.add, "sub": torch.sub}


def apply_step(step: TailStep, inputs: Sequence[Tensor]) -> Tensor:
    """What a step makes of its inputs (n, ...)."""
    op, x = step.op, inputs[0]
    if isinstance(op, TailMove):
        return _moved(op, inputs).reshape(-1, *step.shape)
    if isinstance(op, TailFunction):
        return _function(op, x)
    if isinstance(op, TailChoice):
        return _chosen(op, x).reshape(-1, *step.shape)
    if isinstance(op, ops.Softmax | ops.LogSoftmax):
        scores = x.log_softmax(op.axis + 1)
        return scores if isinstance(op, ops.LogSoftmax) else scores.exp()
    return reduce(torch.mul if isinstance(op, ops.Multiply) else _PAIRS[op.function], inputs)


def _moved(op: TailMove, inputs: Sequence[Tensor]) -> Tensor:
    x = inputs[0]
    match op:
        case ops.Concat():
            return torch.cat(list(inputs), dim=op.axis + 1)
        case ops.Slice():
            kept = (slice(None),) * (op.axis + 1)
            return x[(*kept, slice(op.start, op.stop, op.step))]
        case ops.Transpose():
            return x.permute(0, *(axis + 1 for axis in op.axes))
        case ops.Upsample():
            for axis, factor in enumerate(op.factors):
                x = x.repeat_interleave(factor, dim=axis + 2)
            return x
        case ops.Reshape():
            return x


def _function(op: TailFunction, x: Tensor) -> Tensor:
    match op:
        case ops.Clip():
            return x.clamp(op.low, op.high)
        case ops.HardSigmoid():
            return (x * op.alpha + op.beta).clamp(0, 1)
        case ops.PerElement():
            x = x if op.scale is None else x * _like(op.scale, x)
            return x if op.offset is None else x + _like(op.offset, x)
        case ops.Affine():
            axes = (-1, *(1,) * (x.dim() - 2))
            return x * _like(op.scale, x).reshape(axes) + _like(op.offset, x).reshape(axes)
        case _:
            return _SIMPLE[type(op)](x)


def _chosen(op: TailChoice, x: Tensor) -> Tensor:
    axis = op.axis + 1
    match op:
        case ops.ArgMax(last=True):
            return x.shape[axis] - 1 - x.flip(axis).argmax(axis)
        case ops.ArgMax():
            return x.argmax(axis)
        case ops.Reduce():
            return _REDUCTIONS[op.function](x, axis)
        case ops.TopK():
            values, places = x.topk(op.count, axis, largest=op.largest)
            return places if op.indices else values


def _like(constant: ir.Tensor, x: Tensor) -> Tensor:
    return torch.from_numpy(constant.array.copy()).to(x)
