"""Small integer networks for tests: built to order, or drawn at random by hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log2

import numpy as np
from hypothesis import strategies as st

from mxdeploy.chip.max78000 import layouts, limits
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork, QuantValue
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import ArgMax, Reshape
from mxdeploy.ops.layer import Activation, Kind, LayerSpec, Pool, PoolKind
from mxdeploy.ops.tail import Result, TailOp, TailStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A layer to be built on whatever the layer before it produces.

    ``shift`` None: chosen so that the output neither vanishes nor saturates everywhere. ``view``:
    rows and columns as which the layer reads its input's pixels, None for those it was written
    with.
    """

    kind: Kind = Kind.CONV2D
    out_channels: int = 1
    kernel: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    pool: Pool | None = None
    activation: Activation = Activation.NONE
    weight_bits: int = 8
    bias: bool = False
    flatten: bool = False
    output_bits: int = 8
    shift: int | None = None
    view: tuple[int, int] | None = None


def conv(out_channels: int, kernel: int = 3, pad: int = 0, **rest) -> Draft:
    """A 2-D convolution."""
    return Draft(
        kind=Kind.CONV2D, out_channels=out_channels, kernel=(kernel,) * 2, pad=(pad,) * 2, **rest
    )


def conv1d(out_channels: int, kernel: int = 3, pad: int = 0, **rest) -> Draft:
    """A 1-D convolution."""
    return Draft(
        kind=Kind.CONV1D, out_channels=out_channels, kernel=(kernel, 1), pad=(pad, 0), **rest
    )


def linear(out_channels: int, **rest) -> Draft:
    """A linear layer on a single pixel, or (``flatten=True``) on all pixels."""
    return Draft(kind=Kind.LINEAR, out_channels=out_channels, **rest)


def passthrough(pool: Pool | None = None) -> Draft:
    """Pooling (or a copy) without convolution."""
    return Draft(kind=Kind.PASSTHROUGH, pool=pool)


def max_pool(rows: int, columns: int | None = None, stride: int | None = None) -> Pool:
    """Max pooling, square and without overlap unless told otherwise."""
    return _pool(PoolKind.MAX, rows, columns, stride)


def average_pool(rows: int, columns: int | None = None, stride: int | None = None) -> Pool:
    """Average pooling, square and without overlap unless told otherwise."""
    return _pool(PoolKind.AVERAGE, rows, columns, stride)


def _pool(kind: PoolKind, rows: int, columns: int | None, stride: int | None) -> Pool:
    return Pool(kind=kind, size=(rows, rows if columns is None else columns), stride=stride or rows)


def build(
    shape: tuple[int, int, int],
    drafts: Sequence[Draft],
    *,
    seed: int = 0,
    name: str = "net",
    outputs: Sequence[str] | None = None,
) -> QuantNetwork:
    """A chain of layers with random integer weights; values are called x, y0, y1, …"""
    random = np.random.default_rng(seed)
    values = [value_of("x", shape, 8)]
    layers = []
    for index, draft in enumerate(drafts):
        layer = layer_of(index, values[-1], draft, random)
        layers.append(layer)
        values.append(value_of(layer.output, layer.spec.out_shape, layer.spec.output_bits))
    network = QuantNetwork(
        name=name,
        values=tuple(values),
        input="x",
        outputs=tuple(outputs or (values[-1].name,)),
        layers=tuple(layers),
    )
    network.verify()
    return network


def with_tail(network: QuantNetwork, *ops: TailOp) -> QuantNetwork:
    """The network with steps of the CPU behind its only output, one after the other."""
    (name,) = network.outputs
    shape: tuple[int, ...] = network.value(name).model_shape
    steps = []
    for number, op in enumerate(ops):
        if isinstance(op, Reshape):
            shape = op.shape
        elif isinstance(op, ArgMax):
            shape = (*shape[: op.axis], 1, *shape[op.axis + 1 :])
        steps.append(
            TailStep(op=op, inputs=(name,), output=f"t{number}", shape=shape, origin=f"end{number}")
        )
        name = f"t{number}"
    result = replace(network, tail=tuple(steps), results=(Result(name="answer", value=name),))
    result.verify()
    return result


def value_of(name: str, shape: tuple[int, int, int], bits: int) -> QuantValue:
    """A value of scale 1/128."""
    return QuantValue(
        name=name, shape=shape, scale=1 / 128, bits=bits, origin=name, model_shape=shape
    )


def spec_of(draft: Draft, shape: tuple[int, int, int]) -> LayerSpec:
    """The layer's geometry on an input of ``shape``."""
    passthrough = draft.kind is Kind.PASSTHROUGH
    return LayerSpec(
        kind=draft.kind,
        in_channels=shape[0],
        in_size=draft.view or shape[1:],
        out_channels=shape[0] if passthrough else draft.out_channels,
        kernel=draft.kernel,
        pad=draft.pad,
        pool=draft.pool,
        activation=draft.activation,
        flatten=draft.flatten,
        output_bits=draft.output_bits,
    )


def layer_of(
    index: int, source: QuantValue, draft: Draft, random: np.random.Generator
) -> QuantLayer:
    """A layer with random integer weights."""
    spec = spec_of(draft, source.shape)
    weight = bias = None
    shift = draft.shift or 0
    if spec.weight_shape is not None:
        half = 1 << (draft.weight_bits - 1)
        data = random.integers(-half, half, size=spec.weight_shape, dtype=np.int16)
        weight = Tensor(data.astype(np.int8))
        if draft.shift is None:
            shift = 0 if spec.output_bits != 8 else _lively_shift(data)
        if draft.bias:
            bias = Tensor(random.integers(-128, 128, size=spec.out_channels).astype(np.int8))
    return QuantLayer(
        name=f"layer{index}",
        spec=spec,
        inputs=(source.name,),
        output=f"y{index}",
        weight=weight,
        weight_bits=draft.weight_bits,
        bias=bias,
        shift=shift,
        origin=(f"node{index}",),
    )


def _lively_shift(weight: np.ndarray) -> int:
    """Shift that brings sums of products with data of about 60 back to about 60."""
    per_output = weight.astype(np.float64).reshape(len(weight), -1)
    spread = np.sqrt((per_output**2).sum(axis=1).mean()) + 1e-9
    return int(np.clip(round(7 - log2(spread)), -15, 15))


# --- random networks ----------------------------------------------------------------------------

_CHANNELS = (1, 2, 3, 4, 5, 8, 12, 16, 31, 32, 33, 60, 64, 65, 68, 70, 100, 128, 130)
_ACTIVATIONS = (Activation.NONE, Activation.RELU, Activation.RELU, Activation.ABS)


@st.composite
def quant_networks(draw, max_layers: int = 5, max_pixels: int = 144) -> QuantNetwork:
    """Random chains that fit the chip: 1-D and 2-D, pooling, passes, flatten, all weight widths.

    Kernels are kept within one processor's memory, so that any placement fits.
    """
    one_dimensional = draw(st.booleans())
    channels = draw(st.sampled_from(_CHANNELS))
    rows = draw(st.integers(1, 40 if one_dimensional else 12))
    columns = 1 if one_dimensional else draw(st.integers(1, max_pixels // 12))
    shape = first = (channels, rows, columns)
    words_left = int(limits.KERNEL_MEMORY_WORDS)
    drafts: list[Draft] = []
    for _ in range(draw(st.integers(1, max_layers))):
        view = None
        if drafts and draw(st.integers(0, 3)) == 0:
            view = _view(draw, shape[1] * shape[2])
            one_dimensional = view[1] == 1
        draft = draw(_drafts((shape[0], *(view or shape[1:])), one_dimensional))
        draft = replace(draft, view=view)
        used = _kernel_words(spec_of(draft, shape), draft.weight_bits)
        if used + 3 > words_left:
            continue
        words_left -= -(-used // 4) * 4
        drafts.append(draft)
        shape = spec_of(draft, shape).out_shape
        if draft.output_bits != 8:
            break
    drafts = drafts or [Draft(out_channels=1)]
    return build(first, drafts, seed=draw(st.integers(0, 2**16)))


def _view(draw, pixels: int) -> tuple[int, int]:
    """Rows and columns of the same number of pixels."""
    columns = draw(st.sampled_from([n for n in range(1, pixels + 1) if pixels % n == 0]))
    return pixels // columns, columns


def _kernel_words(spec: LayerSpec, weight_bits: int) -> int:
    if spec.weight_shape is None:
        return 0
    slots = limits.passes(spec.out_channels) * limits.channels_per_pass(spec.out_channels)
    pixels = spec.in_size[0] * spec.in_size[1] if spec.flatten else 1
    kernels = slots * limits.passes(spec.in_channels) * pixels
    return layouts.kernel_words(kernels, spec.kernel[0] * spec.kernel[1], weight_bits)


@st.composite
def _drafts(draw, shape: tuple[int, int, int], one_dimensional: bool) -> Draft:
    """One layer that is legal on ``shape``."""
    channels, rows, columns = shape
    kinds = ["conv", "conv", "pool"]
    passes = limits.passes(channels) * rows * columns
    if passes <= limits.MAX_FLATTEN_PASSES:
        kinds.append("linear")
    kind = draw(st.sampled_from(kinds))
    if kind == "pool":
        pool = _pooling(draw, rows, columns)
        if limits.passes(channels) > 1 and pool.output_size((rows, columns)) != (1, 1):
            kind = "conv"
        else:
            return passthrough(pool)
    if kind == "linear":
        draft = linear(draw(st.sampled_from(_CHANNELS)), flatten=(rows, columns) != (1, 1))
        return _finish(draw, draft)
    pool = _pooling(draw, rows, columns) if draw(st.booleans()) else None
    rows, columns = (rows, columns) if pool is None else pool.output_size((rows, columns))
    return _finish(draw, _convolution(draw, rows, columns, pool, one_dimensional))


def _pooling(draw, rows: int, columns: int) -> Pool:
    size = (draw(st.integers(1, min(rows, 4))), draw(st.integers(1, min(columns, 4))))
    kind = draw(st.sampled_from((PoolKind.MAX, PoolKind.AVERAGE)))
    return Pool(kind=kind, size=size, stride=draw(st.integers(1, 4)))


def _convolution(draw, rows: int, columns: int, pool: Pool | None, one_dimensional: bool) -> Draft:
    out_channels = draw(st.sampled_from(_CHANNELS))
    if one_dimensional:
        kernel = draw(st.integers(1, 9))
        pad = draw(st.integers(0, min(2, kernel - 1)))
        kernel = min(kernel, rows + 2 * pad)
        return conv1d(out_channels, kernel, min(pad, kernel - 1), pool=pool)
    pads = [pad for pad in range(3) if min(rows, columns) + 2 * pad >= 3]
    if draw(st.booleans()):
        return conv(out_channels, 3, draw(st.sampled_from(pads)), pool=pool)
    return conv(out_channels, 1, pool=pool)


def _finish(draw, draft: Draft) -> Draft:
    wide = draw(st.integers(0, 5)) == 0
    return replace(
        draft,
        activation=Activation.NONE if wide else draw(st.sampled_from(_ACTIVATIONS)),
        weight_bits=draw(st.sampled_from(layouts.WEIGHT_BITS)),
        bias=draw(st.booleans()),
        output_bits=32 if wide else 8,
    )


def inputs_for(network: QuantNetwork, seed: int = 0) -> np.ndarray:
    """A random int8 input (C, H, W), extremes included."""
    shape = network.value(network.input).shape
    return np.random.default_rng(seed).integers(-128, 128, size=shape, dtype=np.int8)
