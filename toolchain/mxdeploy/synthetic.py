"""Inputs made up of what images and sounds have in common: calibration without any data.

The amplitudes of natural images fall with frequency as 1 / f (Field, J. Opt. Soc. Am. A 4, 1987),
and their colour channels are nearly equal (Burton and Moorhead, Applied Optics 26, 1987). Noise of
this kind drives a trained network's values about as far as real images do, which is all that
calibration wants to know; noise without these properties does not.

Not all data look like this. ``Look`` says in which ways made-up inputs can differ; where a model
remembers what its data were like, ``matching`` chooses among them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000.limits import DATA_BITS
from mxdeploy.data import DataSet, Layout, Scale, pixels
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.inputs import model_layout
from mxdeploy.ir.network import Network
from mxdeploy.ops.head import HeadFunction

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]

INPUTS = 256
"""How many are made: calibration does not take more at 8 bits."""
LEVELS = 1 << DATA_BITS.value
"""Values that an 8-bit input has."""

_SOURCE = "synthetic inputs"
_SEED = 78000
_PLANES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What made-up inputs are like. All but the first two are in halves of the input's range.

    Attributes:
        exponent: amplitudes fall as 1 / f to this power; 0: white noise.
        common: share of a pixel's power that its channels have in common.
        contrast: the typical standard deviation of an input, as its natural logarithm.
        spread: how much that logarithm differs from input to input (standard deviation).
        centre: mean of all inputs, measured from the middle of the range.
        brightness: an input's own mean differs from it by at most so much.
    """

    exponent: float = 1.0
    common: float = 0.9
    contrast: float = -1.0
    spread: float = 0.5
    centre: float = 0.0
    brightness: float = 0.5


NATURAL = Look()
"""As natural images are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticChoice:
    """Calibration without data, on made-up inputs.

    Attributes:
        bounds: smallest and largest value of an input; None: by ``scale``, or as the model says.
        scale: how 8-bit data become the model's input; None when the user said nothing of it.
    """

    bounds: tuple[float, float] | None = None
    scale: Scale | None = None


def synthetic_data(
    network: Network, choice: SyntheticChoice, look: Look = NATURAL, why: str = ""
) -> DataSet:
    """Made-up inputs of a legalized network.

    Args:
        network: whose inputs they are.
        choice: what the user said about their range.
        look: what they are like.
        why: how that was chosen, in words; a part of the data's name.

    Raises:
        UsageError: nobody says how large the inputs are.
    """
    layout = model_layout(network.head)
    return DataSet(
        source=f"{_SOURCE} ({why})" if why else _SOURCE,
        x=synthetic_inputs(network.input_shape, layout, input_levels(network, choice), look=look),
        labels=None,
        layout=layout,
        scale=choice.scale or Scale.NONE,
    )


def synthetic_inputs(
    shape: tuple[int, ...],
    layout: Layout,
    levels: FloatArray,
    *,
    count: int = INPUTS,
    look: Look = NATURAL,
) -> FloatArray:
    """Made-up inputs, the same in every run.

    Args:
        shape: of one input: channels and positions (1-D), or channels, rows and columns.
        layout: whether the channels of images come last.
        levels: the values that an input's elements may have, in rising order.
        count: how many inputs.
        look: what they are like.

    Returns:
        float32 (count, *shape).
    """
    last = layout is Layout.NHWC and len(shape) > _PLANES
    channels, *planes = (shape[-1], *shape[:-1]) if last else (shape or (1,))
    numbers = np.random.default_rng(_SEED)
    noise = numbers.normal(size=(count, channels, *planes))
    if len(planes) == _PLANES:
        common = numbers.normal(size=(count, 1, *planes))
        noise = np.sqrt(look.common) * common + np.sqrt(1 - look.common) * noise
    x = _standardized(_coloured(noise, len(planes), look.exponent))
    ones = (count,) + (1,) * (x.ndim - 1)
    x *= np.exp(numbers.normal(look.contrast, look.spread, ones))
    x += look.centre + numbers.uniform(-look.brightness, look.brightness, ones)
    middle = (len(levels) - 1) / 2
    index = np.clip(np.rint(middle + middle * x), 0, len(levels) - 1).astype(np.intp)
    made: FloatArray = levels[np.moveaxis(index, 1, -1) if last else index]
    return np.ascontiguousarray(made.reshape(count, *shape))


def input_levels(network: Network, choice: SyntheticChoice) -> FloatArray:
    """The 256 values that an 8-bit input of the model has, in rising order.

    Raises:
        UsageError: nobody says how large the inputs are.
    """
    if choice.bounds is None and choice.scale is not None:
        return pixels(choice.scale)
    bounds = choice.bounds or _own_bounds(network)
    if bounds is None:
        raise UsageError(_unknown_range(network.inputs[0]))
    return np.linspace(*bounds, LEVELS, dtype=np.float32)


def _own_bounds(network: Network) -> tuple[float, float] | None:
    """The range that the model itself gives its input, by QuantizeLinear or Clip; None if none."""
    if any(isinstance(op, HeadFunction) for op in network.head):
        return None
    source = network.value(network.inputs[0])
    if source.declared is not None:
        scale, zero = source.declared.scale, source.declared.zero_point
        return (-LEVELS // 2 - zero) * scale, (LEVELS // 2 - 1 - zero) * scale
    if source.clip is not None and np.isfinite(source.clip).all():
        return source.clip
    return None


def _unknown_range(name: str) -> Diagnostic:
    return Diagnostic(
        code="MX8061",
        where=f"--data-free, input {name}",
        what="nothing says how large the inputs are",
        why="inputs are made up within the range of real ones, and this model declares none",
        fix="--scale chip (-1 .. 127/128), unit (0 .. 1) or none (pixels as they are, 0 .. 255); "
        "else --input-range LOW:HIGH; in the options file: [input] scale or range",
    )


def _coloured(noise: DoubleArray, planes: int, exponent: float) -> DoubleArray:
    """White noise, amplitudes divided by a power of the frequency along the last axes."""
    if not planes:
        return noise
    axes = tuple(range(-planes, 0))
    sizes = noise.shape[-planes:]
    grid = np.meshgrid(*(np.fft.fftfreq(size) * size for size in sizes), indexing="ij")
    frequency = np.sqrt(sum(np.square(part) for part in grid))
    frequency.flat[0] = 1.0
    spectrum = np.fft.fftn(noise, axes=axes) / frequency**exponent
    coloured: DoubleArray = np.fft.ifftn(spectrum, axes=axes).real
    return coloured


def _standardized(x: DoubleArray) -> DoubleArray:
    """Every input with mean 0 and standard deviation 1 (left at 0 if it is constant)."""
    axes = tuple(range(1, x.ndim))
    x = x - x.mean(axis=axes, keepdims=True)
    spread = x.std(axis=axes, keepdims=True)
    standardized: DoubleArray = x / np.where(spread > 0, spread, 1.0)
    return standardized
