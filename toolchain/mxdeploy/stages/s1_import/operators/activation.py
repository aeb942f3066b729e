"""Functions of single elements."""

from __future__ import annotations

import math

import numpy as np

from mxdeploy.ops.graph import Abs, Clip, Exp, HardSigmoid, Relu, Sigmoid, Tanh
from mxdeploy.stages.s1_import.node_view import (
    LARGEST,
    NodeView,
    NotReadableError,
    Reading,
    single,
)
from mxdeploy.stages.s1_import.operators import quantization


def relu(_view: NodeView) -> Reading:
    """Relu."""
    return single(Relu())


def absolute(_view: NodeView) -> Reading:
    """Abs."""
    return single(Abs())


def leaky_relu(view: NodeView) -> Reading:
    """LeakyRelu; only a slope of 0 has a counterpart."""
    slope = view.get_float("alpha", 0.01)
    if slope != 0.0:
        raise NotReadableError(f"a slope of {slope:g} for negative values")
    return single(Relu())


def _bound(view: NodeView, index: int, default: float) -> float:
    """A constant bound; exporters write "none" as the largest number there is."""
    if not view.has(index):
        return default
    array = view.constant(index)
    if array is None or array.size != 1 or array.dtype.kind not in "fiu":
        raise NotReadableError("its bounds are not constant scalars")
    bound = float(array.item())
    if math.isnan(bound):
        raise NotReadableError("a bound that is not a number")
    return math.copysign(math.inf, bound) if abs(bound) > LARGEST else float(np.float32(bound))


def _between(low: float, high: float, index: int) -> Reading:
    if low > high or low == math.inf or high == -math.inf:
        raise NotReadableError(f"bounds from {low:g} to {high:g}")
    if math.isinf(low) and math.isinf(high):
        return Reading(inputs=(index,), steps=())
    return single(Clip(low=low, high=high), index)


def clip(view: NodeView) -> Reading:
    """Clip with constant bounds."""
    if quantization.clips_integers(view):
        return Reading(inputs=(0,), steps=())
    return _between(_bound(view, 1, -math.inf), _bound(view, 2, math.inf), 0)


def _extreme(view: NodeView, *, upper: bool) -> Reading:
    computed = view.computed()
    if len(computed) != 1 or len(view.node.inputs) != 2:  # noqa: PLR2004 - a value and a bound
        raise NotReadableError("it compares computed values")
    bound = _bound(view, 1 - computed[0], 0.0)
    low, high = (-math.inf, bound) if upper else (bound, math.inf)
    return _between(low, high, computed[0])


def minimum(view: NodeView) -> Reading:
    """Min with a constant: an upper bound."""
    return _extreme(view, upper=True)


def maximum(view: NodeView) -> Reading:
    """Max with a constant: a lower bound."""
    return _extreme(view, upper=False)


def sigmoid(_view: NodeView) -> Reading:
    """Sigmoid."""
    return single(Sigmoid())


def hard_sigmoid(view: NodeView) -> Reading:
    """HardSigmoid."""
    return single(HardSigmoid(alpha=view.get_float("alpha", 0.2), beta=view.get_float("beta", 0.5)))


def tanh(_view: NodeView) -> Reading:
    """Tanh."""
    return single(Tanh())


def exp(_view: NodeView) -> Reading:
    """Exp."""
    return single(Exp())


READERS = {
    "Relu": relu,
    "Abs": absolute,
    "LeakyRelu": leaky_relu,
    "Clip": clip,
    "Min": minimum,
    "Max": maximum,
    "Sigmoid": sigmoid,
    "HardSigmoid": hard_sigmoid,
    "Tanh": tanh,
    "Exp": exp,
}
