"""Random geometry of single layers: whatever the chip's rules allow on a given input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from hypothesis import strategies as st

from mxdeploy.chip.max78000 import limits
from mxdeploy.ops.layer import Activation, Eltwise, EltwiseFunction, Kind, LayerSpec, Pool, PoolKind

ACTIVATIONS = (Activation.NONE, Activation.RELU, Activation.ABS)
OUT_CHANNELS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 20, 33)
MANY_OUT_CHANNELS = (64, 65, 68, 70, 128, 130)
MAX_PIXELS = 400
"""Larger outputs would only cost time."""


@dataclass(frozen=True, kw_only=True)
class Operand:
    """What a layer is given: shape, words per pixel, and whether four pixels share a word."""

    shape: tuple[int, int, int]
    passes: int
    chw: bool = False

    @property
    def pixels(self) -> int:
        """Rows times columns."""
        return self.shape[1] * self.shape[2]


def small(draw, low: int, high: int) -> int:
    """An integer that is small more often than not, and the largest one now and then."""
    return draw(_small(low, high))


@cache
def _small(low: int, high: int) -> st.SearchStrategy[int]:
    """Kept, because making a strategy takes longer than drawing from it."""
    return st.integers(low, min(high, low + 3)) | st.integers(low, high) | st.just(high)


@st.composite
def single(draw, operand: Operand) -> LayerSpec:
    """A layer that reads one value."""
    size = _view(draw, operand)
    kind = draw(st.sampled_from(_kinds(operand, size)))
    spec = LayerSpec(
        kind=kind, in_channels=operand.shape[0], in_size=size, out_channels=operand.shape[0]
    )
    if kind is Kind.PASSTHROUGH:
        return replace(spec, pool=_pool_alone(draw, operand, size))
    spec = replace(spec, out_channels=_outputs(draw), activation=draw(st.sampled_from(ACTIVATIONS)))
    if kind is Kind.CONV_TRANSPOSE2D:
        least = int(size[0] == 1), int(size[1] == 1)
        pad = draw(st.integers(least[0], 2)), draw(st.integers(least[1], 2))
        return replace(spec, kernel=(3, 3), pad=pad)
    if kind is Kind.LINEAR and (operand.pixels > 1 or draw(st.booleans())):
        return replace(spec, flatten=True)
    if draw(st.integers(0, 2)) == 0:
        spec = replace(spec, pool=pooling(draw, size))
    return _with_kernel(draw, spec)


@st.composite
def combination(draw, operand: Operand, operands: int) -> LayerSpec:
    """A layer that combines several values of the same shape."""
    channels, size = operand.shape[0], operand.shape[1:]
    native = operand.passes == 1 or (operands, operand.passes) == (2, 2)
    kinds = [Kind.PASSTHROUGH, Kind.CONV2D] if native else [Kind.PASSTHROUGH]
    if native and size == (1, 1):
        kinds.append(Kind.LINEAR)
    kind = draw(st.sampled_from(kinds))
    pool = None
    if native and draw(st.booleans()):
        pool = pooling(draw, size)
        if kind is Kind.PASSTHROUGH:
            pool = _pool_alone(draw, operand, size)
    # Pooling behind the combination is known for two operands.
    pool_first = operands > limits.MAX_OPERANDS_POOL_LAST or draw(st.booleans())
    spec = LayerSpec(
        kind=kind,
        in_channels=channels,
        in_size=size,
        out_channels=channels,
        pool=pool,
        eltwise=Eltwise(
            function=draw(st.sampled_from(list(EltwiseFunction))), pool_first=pool_first
        ),
        operands=operands,
    )
    if kind is Kind.PASSTHROUGH:
        return spec
    activation = draw(st.sampled_from(ACTIVATIONS))
    return _with_kernel(draw, replace(spec, out_channels=_outputs(draw), activation=activation))


def variant(draw, spec: LayerSpec) -> LayerSpec:
    """Another layer with the same input and the same output shape."""
    if spec.kind is Kind.PASSTHROUGH:
        return spec
    spec = replace(spec, activation=draw(st.sampled_from(ACTIVATIONS)))
    if spec.pool is not None:
        spec = replace(spec, pool=replace(spec.pool, kind=draw(st.sampled_from(list(PoolKind)))))
    same_size = (spec.kind, spec.kernel, spec.pad) == (Kind.CONV2D, (3, 3), (1, 1))
    if same_size and draw(st.booleans()):
        spec = replace(spec, kernel=(1, 1), pad=(0, 0))
    return spec


def pooling(draw, size: tuple[int, int]) -> Pool:
    """A window that fits ``size``; 1x1 with a stride subsamples."""
    most = int(limits.MAX_POOL_SIZE)
    return Pool(
        kind=draw(st.sampled_from(list(PoolKind))),
        size=(small(draw, 1, min(size[0], most)), small(draw, 1, min(size[1], most))),
        stride=small(draw, 1, int(limits.MAX_POOL_STRIDE)),
    )


def _pool_alone(draw, operand: Operand, size: tuple[int, int]) -> Pool | None:
    """Pooling without convolution: in several passes it must leave a single pixel."""
    if draw(st.integers(0, 3)) == 0:
        return None
    pool = pooling(draw, size)
    if operand.passes == 1 or pool.output_size(size) == (1, 1):
        return pool
    return None


def _kinds(operand: Operand, size: tuple[int, int]) -> list[Kind]:
    kinds = [Kind.CONV2D, Kind.CONV2D, Kind.PASSTHROUGH]
    if size[1] == 1:
        kinds += [Kind.CONV1D, Kind.CONV1D]
    if 4 * operand.pixels <= MAX_PIXELS:
        kinds.append(Kind.CONV_TRANSPOSE2D)
    if not operand.chw and operand.passes * operand.pixels <= limits.MAX_FLATTEN_PASSES:
        kinds.append(Kind.LINEAR)
    return kinds


def _view(draw, operand: Operand) -> tuple[int, int]:
    """Rows and columns as which the layer reads the pixels: as they are, or others."""
    rows, columns = operand.shape[1:]
    match draw(st.integers(0, 5)):
        case 0:
            return operand.pixels, 1
        case 1:
            return columns, rows
    return rows, columns


def _outputs(draw) -> int:
    if draw(st.integers(0, 11)) == 0:
        return draw(st.sampled_from(MANY_OUT_CHANNELS))
    return draw(st.sampled_from(OUT_CHANNELS))


def _with_kernel(draw, spec: LayerSpec) -> LayerSpec:
    """Kernel and padding; the pooled and padded input holds at least one kernel."""
    rows, columns = spec.pooled_size
    if spec.kind is Kind.LINEAR:
        pool = spec.pool if (rows, columns) == (1, 1) else None
        return replace(spec, pool=pool)
    if spec.kind is Kind.CONV1D:
        length = small(draw, 1, min(int(limits.MAX_CONV1D_KERNEL), rows + 4))
        least = max(0, -(-(length - rows) // 2))
        pad = draw(st.integers(least, min(2, length - 1)))
        return replace(spec, kernel=(length, 1), pad=(pad, 0))
    if draw(st.integers(0, 2)) == 0:
        return spec
    least = max(0, -(-(3 - rows) // 2)), max(0, -(-(3 - columns) // 2))
    pad = draw(st.integers(least[0], 2)), draw(st.integers(least[1], 2))
    return replace(spec, kernel=(3, 3), pad=pad)
