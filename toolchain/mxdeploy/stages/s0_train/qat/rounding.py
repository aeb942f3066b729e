"""Rounding as the chip rounds, with gradients that do not see it (straight-through).

``share`` says how much of the rounding happens: 1 is the chip's arithmetic, exactly; 0 is none of
it. In between the result moves from one to the other, for a gradual start.
"""

from __future__ import annotations

import torch
from torch import Tensor


def half_up(x: Tensor, share: float) -> Tensor:
    """``floor(x + 0.5)``: accumulators become data."""
    return _straight_through(x, torch.floor(x.detach() + 0.5), share)


def toward_zero(x: Tensor, share: float) -> Tensor:
    """The fraction dropped: averages."""
    return _straight_through(x, x.detach().trunc(), share)


def nearest(x: Tensor, share: float) -> Tensor:
    """The nearest whole number, halves to even: weights and biases."""
    return _straight_through(x, x.detach().round(), share)


def _straight_through(x: Tensor, whole: Tensor, share: float) -> Tensor:
    """``whole`` with the gradient of ``x``.

    The two are so close that their difference is exact, and with it the sum.
    """
    return x + share * (whole - x.detach())
