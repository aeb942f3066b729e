"""One hardware layer as a torch module: integers in floating point, exact to the bit.

A float32 holds all integers up to 2**24. While no partial sum can exceed that, a convolution in
float32 is exact in whatever order it is added up; the weights of the moment decide, and layers that
could exceed it are computed in float64. So is everything on a GPU, whose convolutions may trade
exactness for fewer products (Winograd, FFT, TF32): their errors in float64 are far below the half
of one that rounding takes away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mxdeploy.arith.arrays import DATA_MAX, DATA_MIN
from mxdeploy.arith.post import FRACTION_BITS
from mxdeploy.chip.max78000.limits import DATA_BITS
from mxdeploy.ir import tensor as ir
from mxdeploy.ir.quantized import QuantLayer
from mxdeploy.ops.layer import Activation, EltwiseFunction, Kind, LayerSpec, Pool, PoolKind
from mxdeploy.stages.s0_train.qat.latent import BIAS_STEP, MARGIN, Latent, weight_limits
from mxdeploy.stages.s0_train.qat.rounding import half_up, nearest, toward_zero

EXACT_IN_SINGLE = 1 << 24
"""Integers up to this magnitude are exact in float32."""


class IntegerLayer(nn.Module):
    """Operands in, output out, both whole numbers in float32 (batch, channels, rows, columns).

    A 32-bit output is float64 where float32 does not hold it.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None
    kept: Tensor | None

    def __init__(self, layer: QuantLayer, latent: Latent | None) -> None:
        """Start with the integers of ``layer``; ``latent`` is None for layers without weights."""
        super().__init__()
        self.layer = layer
        self.latent = latent
        self.register_parameter("weight", None)
        self.register_parameter("bias", None)
        self.register_buffer("kept", None, persistent=False)
        if latent is None:
            return
        learns = not latent.constant
        self.weight = nn.Parameter(torch.tensor(latent.weight), requires_grad=learns)
        if latent.bias is not None:
            self.bias = nn.Parameter(torch.tensor(latent.bias), requires_grad=learns)
        if latent.kept is not None:
            self.register_buffer("kept", torch.tensor(latent.kept), persistent=False)

    def forward(self, operands: Sequence[Tensor], share: float = 1.0) -> Tensor:
        """The layer's output integers; with a ``share`` below 1, not all of the way to them."""
        spec = self.layer.spec
        operand = _operand(spec, operands, share)
        if self.latent is None:
            return operand
        weight, bias = self.integers(share)
        in_single = operand.device.type == "cpu" and self._fits_single(weight, bias)
        if not in_single:
            operand, weight = operand.double(), weight.double()
            bias = None if bias is None else bias.double()
        sums = _linear_map(spec, operand, weight, bias)
        if not in_single:
            sums = nearest(sums, share)
        if spec.output_bits != DATA_BITS:
            return sums
        return self._narrow(sums, share).float()

    def integers(self, share: float = 1.0) -> tuple[Tensor, Tensor | None]:
        """Integer weights and biases, with straight-through gradients; float32."""
        if self.weight is None or self.latent is None:
            raise ValueError(f"{self.layer.name} has no weights")
        low, high = weight_limits(self.layer.weight_bits)
        weight = self.weight if self.kept is None else self.weight.masked_fill(self.kept, 0)
        whole = _whole(weight * self.latent.factor, low, high, share)
        if self.bias is None:
            return whole, None
        return whole, _whole(self.bias * self.latent.bias_factor, DATA_MIN, DATA_MAX, share)

    @torch.no_grad()
    def confine(self) -> None:
        """Bring parameters back that left their range: beyond it they would learn no more."""
        if self.weight is None or self.latent is None:
            return
        low, high = weight_limits(self.layer.weight_bits)
        factor, bias_factor = self.latent.factor, self.latent.bias_factor
        self.weight.clamp_((low - MARGIN) / factor, (high + MARGIN) / factor)
        if self.bias is not None:
            reach = ((DATA_MIN - MARGIN) / bias_factor, (DATA_MAX + MARGIN) / bias_factor)
            self.bias.clamp_(*reach)

    @torch.no_grad()
    def quantized(self) -> QuantLayer:
        """The layer with the integers of now; measured quality is that of the old ones, and goes.

        A layer whose integers are the old ones is the old layer.
        """
        if self.latent is None:
            return self.layer
        weight, bias = (_tensor(part) for part in self.integers())
        if (weight, bias) == (self.layer.weight, self.layer.bias):
            return self.layer
        return replace(self.layer, weight=weight, bias=bias, quality=None)

    def _fits_single(self, weight: Tensor, bias: Tensor | None) -> bool:
        """Whether no sum can leave the integers that float32 holds."""
        return _reach(weight, bias) + self._half <= EXACT_IN_SINGLE

    @property
    def _half(self) -> float:
        """Half an output step in accumulator steps, which rounding adds."""
        if self.layer.spec.output_bits != DATA_BITS:
            return 0
        return float(2.0 ** (FRACTION_BITS - 1 - self.layer.shift))

    def _narrow(self, sums: Tensor, share: float) -> Tensor:
        """Accumulators to 8 bits: scaled, saturated, rounded, activated.

        The limits are whole numbers, so that saturating first changes nothing; what saturates gets
        no gradient.
        """
        scaled = sums * 2.0 ** (self.layer.shift - FRACTION_BITS)
        match self.layer.spec.activation:
            case Activation.RELU:
                return half_up(scaled.clamp(0, DATA_MAX), share)
            case Activation.ABS:
                # |-128| saturates to 127, so -128 may as well be -127.
                return half_up(scaled.clamp(-DATA_MAX, DATA_MAX), share).abs()
            case Activation.NONE:
                return half_up(scaled.clamp(DATA_MIN, DATA_MAX), share)


def _whole(steps: Tensor, low: int, high: int, share: float) -> Tensor:
    """Rounded and bounded; the gradient ends where rounding leads out of the bounds."""
    return nearest(steps.clamp(low - 0.5, high + 0.5), share).clamp(low, high)


def _reach(weight: Tensor, bias: Tensor | None) -> float:
    """Largest magnitude that any partial sum can reach, whatever the data."""
    with torch.no_grad():
        sums = weight.abs().double().flatten(1).sum(dim=1) * -DATA_MIN
        if bias is not None:
            sums = sums + bias.abs().double() * BIAS_STEP
        return float(sums.max())


def _operand(spec: LayerSpec, operands: Sequence[Tensor], share: float) -> Tensor:
    """What the convolution reads: the operands pooled and combined."""
    shaped = [x.reshape(-1, *spec.in_shape) for x in operands]
    if spec.eltwise is None:
        return _pooled(spec.pool, shaped[0], share)
    if spec.eltwise.pool_first:
        shaped = [_pooled(spec.pool, x, share) for x in shaped]
    combined = _combined(spec.eltwise.function, shaped).clamp(DATA_MIN, DATA_MAX)
    return combined if spec.eltwise.pool_first else _pooled(spec.pool, combined, share)


def _combined(function: EltwiseFunction, operands: Sequence[Tensor]) -> Tensor:
    match function:
        case EltwiseFunction.ADD:
            return reduce(torch.add, operands)
        case EltwiseFunction.SUB:
            return reduce(torch.sub, operands)
        case EltwiseFunction.OR | EltwiseFunction.XOR:
            # Bits have no gradient.
            bits = [x.detach().round().to(torch.int8) for x in operands]
            is_or = function is EltwiseFunction.OR
            return reduce(torch.bitwise_or if is_or else torch.bitwise_xor, bits).float()


def _pooled(pool: Pool | None, x: Tensor, share: float) -> Tensor:
    if pool is None:
        return x
    if pool.size == (1, 1):
        return x[..., :: pool.stride, :: pool.stride]
    if pool.kind is PoolKind.MAX:
        return functional.max_pool2d(x, pool.size, pool.stride)
    total = functional.avg_pool2d(x, pool.size, pool.stride, divisor_override=1)
    return toward_zero(total / (pool.size[0] * pool.size[1]), share)


def _linear_map(spec: LayerSpec, operand: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``sum(weight * x) + 128 * bias``, (batch, *spec.out_shape)."""
    offset = None if bias is None else bias * BIAS_STEP
    if spec.flatten or (spec.kind is Kind.LINEAR and spec.pooled_size == (1, 1)):
        product = functional.linear(operand.flatten(1), weight.flatten(1), offset)
        return product.reshape(-1, *spec.out_shape)
    rows, columns = spec.pad
    if spec.kind is Kind.CONV_TRANSPOSE2D:
        # torch scatters the kernel; the stored one is already flipped for gathering.
        scattered = weight.flip(2, 3).transpose(0, 1)
        crop = (spec.kernel[0] - 1 - rows, spec.kernel[1] - 1 - columns)
        return functional.conv_transpose2d(
            operand, scattered, offset, stride=2, padding=crop, output_padding=1
        )
    return functional.conv2d(operand, weight, offset, padding=(rows, columns))


def _tensor(integers: Tensor | None) -> ir.Tensor | None:
    return None if integers is None else ir.Tensor(integers.cpu().numpy().astype(np.int8))
